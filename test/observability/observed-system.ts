import { RULE_GROUPS, withoutWaiting } from '../../deploy/prometheus/rule-file.ts';
import { startPrometheus, type Prometheus } from '../harness/prometheus.ts';
import { startSystem, type System } from '../harness/system.ts';
import { Traffic } from './traffic.ts';

/** The whole system under traffic, scraped every second by a Prometheus with the rules of production. */
export interface ObservedSystem extends AsyncDisposable {
  readonly system: System;
  readonly prometheus: Prometheus;
  readonly startedMs: number;
}

export async function startObservedSystem(): Promise<ObservedSystem> {
  await using stack = new AsyncDisposableStack();
  const startedMs = Date.now();
  const system = stack.use(
    await startSystem({
      env: {
        // Nobody listens there: exports fail, as they do while a collector is down.
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
        OTEL_BSP_SCHEDULE_DELAY: '1000',
        // Lets the test into the processes, to keep an event loop busy.
        NODE_OPTIONS: '--inspect=127.0.0.1:0',
        CONNECTIONS_PER_MINUTE: '10000',
      },
    }),
  );
  const prometheus = stack.use(
    await startPrometheus({
      targets: {
        whatsapp: [hostOf(system.whatsappUrl)],
        socket: [hostOf(system.socketUrl)],
        canary: [hostOf(system.canaryUrl)],
      },
      rules: withoutWaiting(RULE_GROUPS),
      scrapeInterval: '1s',
    }),
  );
  stack.use(await Traffic.start(system));
  const owned = stack.move();
  return { system, prometheus, startedMs, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function hostOf(url: string): string {
  return new URL(url).host;
}
