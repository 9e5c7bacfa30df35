import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ProcessSpec } from './local-process.ts';

/** What `npm start -- --observe` runs besides the system. */
export const OBSERVER_NAMES = ['traces'] as const;
export type ObserverName = (typeof OBSERVER_NAMES)[number];

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
