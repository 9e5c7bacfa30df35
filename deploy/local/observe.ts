import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RULE_GROUPS } from '../prometheus/rule-file.ts';
import type { ProcessSpec } from './local-process.ts';
import { prometheusCommand, writePrometheusFiles } from './prometheus-process.ts';

/** What `npm start -- --observe` runs besides the system. */
export const OBSERVER_NAMES = ['traces', 'prometheus'] as const;

const TRACES = fileURLToPath(new URL('traces/main.ts', import.meta.url));

/** The trace pages, which are also the OTLP receiver of all processes. */
export function tracesSpec(env: NodeJS.ProcessEnv, stateDir: string, port: number): ProcessSpec {
  return {
    command: process.execPath,
    args: [TRACES],
    env: { ...env, DATA_DIR: join(stateDir, 'traces'), TRACE_UI_PORT: String(port) },
  };
}

/** Where the processes send their spans: to the trace pages, unless the developer has a receiver of his own. */
export function tracesEnv(env: NodeJS.ProcessEnv, port: number): NodeJS.ProcessEnv {
  if (env['OTEL_EXPORTER_OTLP_ENDPOINT'] || env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']) return {};
  return {
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `http://127.0.0.1:${port}/v1/traces`,
    // Whoever looks at the page has just done something and waits for its trace.
    OTEL_BSP_SCHEDULE_DELAY: env['OTEL_BSP_SCHEDULE_DELAY'] ?? '500',
  };
}

/** Prometheus with the rules of production; its files are written by `preparePrometheus`. */
export function prometheusSpec(env: NodeJS.ProcessEnv, stateDir: string, port: number): ProcessSpec {
  return { ...prometheusCommand({ folder: prometheusFolder(stateDir), port }), env };
}

/** Tells Prometheus what to scrape: ports by job. To be awaited before each start. */
export async function preparePrometheus(
  stateDir: string,
  ports: { readonly prometheus: number; readonly traces: number },
  jobs: Readonly<Record<string, number>>,
): Promise<void> {
  const targets = Object.entries(jobs).map(([job, jobPort]) => [job, [`127.0.0.1:${jobPort}`]]);
  await writePrometheusFiles({
    folder: prometheusFolder(stateDir),
    port: ports.prometheus,
    tracesUrl: `http://localhost:${ports.traces}/`,
    targets: Object.fromEntries(targets) as Record<string, string[]>,
    rules: RULE_GROUPS,
    // Whoever looks has just done something and waits for its line.
    scrapeInterval: '5s',
  });
}

function prometheusFolder(stateDir: string): string {
  return join(stateDir, 'prometheus');
}
