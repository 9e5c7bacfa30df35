import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { formatRules } from '../prometheus/rule-file.ts';
import type { RuleGroup } from '../prometheus/rule.ts';
import type { ProcessSpec } from './local-process.ts';
import { findPrometheus } from './programs.mjs';

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
}

/**
 * Writes the configuration and answers the command of a Prometheus on this machine that stores exemplars too.
 * @throws PrometheusMissingError
 */
export async function preparePrometheus(options: PrometheusOptions): Promise<Pick<ProcessSpec, 'command' | 'args'>> {
  const command = findPrometheus();
  if (command === undefined) throw new PrometheusMissingError();
  const { folder, port, targets, rules, scrapeInterval } = options;
  await mkdir(folder, { recursive: true });
  const configFile = join(folder, 'prometheus.yml');
  await writeFile(join(folder, 'rules.yml'), formatRules(rules));
  await writeFile(
    configFile,
    stringify({
      global: { scrape_interval: scrapeInterval, scrape_timeout: scrapeInterval, evaluation_interval: scrapeInterval },
      rule_files: ['rules.yml'],
      storage: { exemplars: { max_exemplars: 100_000 } },
      scrape_configs: Object.entries(targets).map(([job, addresses]) => ({
        job_name: job,
        static_configs: [{ targets: addresses }],
      })),
    }),
  );
  return {
    command,
    args: [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--enable-feature=exemplar-storage',
    ],
  };
}
