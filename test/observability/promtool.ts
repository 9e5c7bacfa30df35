import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { findPromtool } from '../../deploy/local/programs.mjs';
import { RULE_GROUPS } from '../../deploy/prometheus/rule-file.ts';
import { metricOfSeries } from '../../shared/contract/series.ts';
import type { Labels } from '../harness/prometheus.ts';
import { ABSENT, type AlertCase } from './alert-cases.ts';
import { format, readRecordedScrape, type RecordedSeries } from './recorded-scrape.ts';

const run = promisify(execFile);
export const RULES_FILE = new URL('../../deploy/prometheus/generated/rules.yml', import.meta.url).pathname;

/** Answers what promtool printed; throws with it when it refuses. */
export async function promtool(...args: readonly string[]): Promise<string> {
  const path = findPromtool();
  if (path === undefined) throw new Error('promtool is not installed; run: node deploy/local/setup.mjs test');
  try {
    const { stdout, stderr } = await run(path, [...args]);
    return stdout + stderr;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`promtool ${args.join(' ')}:\n${stdout}${stderr}`, { cause: error });
  }
}

/** Evaluates the rules on the recorded series with the case's deviations; throws with the difference when it is wrong. */
export function checkCase({ alert, severity, fires, ...rest }: AlertCase): Promise<void> {
  const labels = { alertname: alert, severity };
  return check({ ...rest, selector: labels, firing: fires ? [labels] : [] });
}

/** Evaluates the rules on a system in which all is well: nothing but the watchdog may fire. */
export function checkHealthy(): Promise<void> {
  return check({
    atMinutes: 45,
    stepMinutes: 1,
    deviations: [],
    selector: {},
    firing: [{ alertname: 'Watchdog', severity: 'none' }],
  });
}

interface Check extends Pick<AlertCase, 'atMinutes' | 'stepMinutes' | 'deviations'> {
  /** Alerts that are looked at. */
  readonly selector: Labels;
  /** Those of them that fire. */
  readonly firing: readonly Labels[];
}

async function check(each: Check): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'promtool-'));
  try {
    const file = join(folder, 'case.yml');
    await writeFile(file, stringify(toTestFile(each), { lineWidth: 0 }));
    await promtool('test', 'rules', file);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function toTestFile({ atMinutes, stepMinutes, deviations, selector, firing }: Check): object {
  const deviating = new Map(deviations.flatMap(([series, samples]) => series.map((each) => [format(each), samples])));
  const healthy = readRecordedScrape().map((series) => [format(series), healthySamples(series, atMinutes)] as const);
  const all = new Map([...healthy, ...deviating]);
  const step = `${stepMinutes}m`;
  return {
    rule_files: [RULES_FILE],
    evaluation_interval: step,
    // Otherwise by chance, and an alert may come before what it reads is recorded.
    group_eval_order: RULE_GROUPS.map(({ name }) => name),
    tests: [
      {
        interval: step,
        input_series: [...all].flatMap(([series, values]) => (values === ABSENT ? [] : [{ series, values }])),
        promql_expr_test: [
          {
            expr: `group by (alertname, severity) (${format({ name: 'ALERTS', labels: { ...selector, alertstate: 'firing' } })})`,
            eval_time: `${atMinutes}m`,
            exp_samples: firing.map((labels) => ({ labels: format({ name: '', labels }), value: 1 })),
          },
          // Silence counts only where the rules were evaluated at all.
          {
            expr: 'group(ALERTS{alertname="Watchdog", alertstate="firing"})',
            eval_time: `${atMinutes}m`,
            exp_samples: [{ labels: '{}', value: 1 }],
          },
        ],
      },
    ],
  };
}

/** Counters that grow while all is well. */
const GROWING: ReadonlySet<string> = new Set(['emitted', 'received', 'sent']);

function healthySamples({ name, labels }: RecordedSeries, minutes: number): string {
  const samples = minutes + 10;
  switch (name) {
    case 'up':
    case 'nats_client_connected':
      return `1x${samples}`;
    case 'canary_last_success_timestamp_seconds':
      return `0+60x${samples}`;
    case 'nodejs_eventloop_utilization_ratio':
      return `0.2x${samples}`;
    case 'whatsapp_sessions':
      return `${labels['state'] === 'connected' ? 100 : 1}x${samples}`;
  }
  const grows = GROWING.has(labels['outcome'] ?? labels['result'] ?? '') || isInTime(name, labels);
  return grows ? `0+60x${samples}` : `${metricOfSeries(name) ? 0 : 100}x${samples}`;
}

/** Every delivery of a healthy system is faster than the promise. */
function isInTime(name: string, { le }: RecordedSeries['labels']): boolean {
  return name.endsWith('_count') || (name.endsWith('_bucket') && Number(le === '+Inf' ? Infinity : le) >= 0.25);
}
