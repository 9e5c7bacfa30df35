import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { makeFolder } from '../../shared/config/make-folder.ts';
import { formatRules } from '../prometheus/rule-file.ts';
import type { RuleGroup } from '../prometheus/rule.ts';
import type { ProcessSpec } from './local-process.ts';
import { findPrometheus } from './programs.mjs';
import { formatQueriesPage } from './queries-page.ts';

/** Prometheus is neither in PATH nor where `PROMETHEUS_BIN` says. */
export class PrometheusMissingError extends Error {
  readonly code = 'PROMETHEUS_MISSING';

  constructor() {
    super('Prometheus is not installed; run: node deploy/local/setup.mjs test');
    this.name = 'PrometheusMissingError';
  }

  shouldRetry(): boolean {
    return false;
  }
}

export interface PrometheusOptions {
  /** Holds configuration, rules and data. */
  readonly folder: string;
  readonly port: number;
  /** Host and port of the processes to scrape, by job. */
  readonly targets: Readonly<Record<string, readonly string[]>>;
  readonly rules: readonly RuleGroup[];
  /** A Prometheus duration. */
  readonly scrapeInterval: string;
  /** Where the traces behind exemplars are shown, if they are. */
  readonly tracesUrl?: string;
}

/** Writes configuration, rules and the page of queries that Prometheus reads when it starts. */
export async function writePrometheusFiles(options: PrometheusOptions): Promise<void> {
  const { folder, targets, rules, scrapeInterval, tracesUrl } = options;
  const consoles = consoleFolder(folder);
  makeFolder(consoles);
  await writeFile(join(folder, 'rules.yml'), formatRules(rules));
  await writeFile(configFile(folder), formatConfig(targets, scrapeInterval));
  await writeFile(join(consoles, QUERIES_PAGE), await formatQueriesPage(tracesUrl));
}

/**
 * The command of a Prometheus on this machine that stores exemplars too; its files must have been written.
 * @throws PrometheusMissingError
 */
export function prometheusCommand({
  folder,
  port,
}: Pick<PrometheusOptions, 'folder' | 'port'>): Pick<ProcessSpec, 'command' | 'args'> {
  const command = findPrometheus();
  if (command === undefined) throw new PrometheusMissingError();
  return {
    command,
    args: [
      `--config.file=${configFile(folder)}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      `--web.console.templates=${consoleFolder(folder)}`,
      '--enable-feature=exemplar-storage',
    ],
  };
}

/** Where a Prometheus with these files shows the queries of the landing dashboard. */
export function queriesPageUrl(port: number): string {
  return `http://localhost:${port}/consoles/${QUERIES_PAGE}`;
}

const QUERIES_PAGE = 'connect.html';

function configFile(folder: string): string {
  return join(folder, 'prometheus.yml');
}

function consoleFolder(folder: string): string {
  return join(folder, 'consoles');
}

function formatConfig(targets: PrometheusOptions['targets'], interval: string): string {
  return stringify({
    global: { scrape_interval: interval, scrape_timeout: interval, evaluation_interval: interval },
    rule_files: ['rules.yml'],
    storage: { exemplars: { max_exemplars: 100_000 } },
    scrape_configs: Object.entries(targets).map(([job, addresses]) => ({
      job_name: job,
      static_configs: [{ targets: addresses }],
    })),
  });
}
