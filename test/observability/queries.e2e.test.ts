import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buckets } from '../../shared/contract/series.ts';
import { waitFor } from '../harness/wait-for.ts';
import { keepLoopBusy } from './busy-loop.ts';
import { startObservedSystem, type ObservedSystem } from './observed-system.ts';
import { RECORDED_SCRAPE, recordScrape, shapesOf } from './recorded-scrape.ts';
import { formatOutcomes, sweep, type Outcome } from './sweep.ts';

let observed: ObservedSystem;

beforeAll(async () => {
  observed = await startObservedSystem();
});

afterAll(async () => {
  await observed[Symbol.asyncDispose]();
});

/** Waits until Prometheus says that the alert fires, and answers with what it tells people. */
async function firing(alertname: string) {
  return await waitFor(() => observed.prometheus.firing(alertname), {
    what: `${alertname} to fire`,
    timeoutMs: 60_000,
  });
}

async function silent(alertname: string): Promise<void> {
  const isSilent = async () => (await observed.prometheus.firing(alertname)) === undefined;
  await waitFor(isSilent, { what: `${alertname} to end`, timeoutMs: 60_000 });
}

test('NatsDown fires while nats-server is dead, for each service, and ends with the outage', async () => {
  // Twice, because a counter that is new shows no rate.
  for (let outage = 0; outage < 2; outage += 1) {
    await observed.system.kill('nats');
    const alert = await firing('NatsDown');
    expect(alert.labels).toMatchObject({ severity: 'critical' });
    expect(alert.annotations['summary']).toMatch(/^No (whatsapp|socket|canary) replica reaches NATS$/);
    await observed.system.startProcess('nats');
    await silent('NatsDown');
  }
});

test('EventLoopSaturated fires while the loop of a service is busy', async () => {
  await silent('EventLoopSaturated');
  {
    await using busy = await keepLoopBusy(observed.system, 'canary');
    expect(busy).toBeDefined();
    const alert = await firing('EventLoopSaturated');
    expect(alert.labels).toMatchObject({ job: 'canary', severity: 'warning' });
  }
  await silent('EventLoopSaturated');
});

test('every query of every panel and rule answers, and no answer is a hole', async () => {
  let outcomes: readonly Outcome[] = [];
  const faults = () => outcomes.filter(({ fault }) => fault !== undefined);
  // Some series come with time: the audit goes its round once a minute.
  const complete = async () => {
    outcomes = await sweep(observed.prometheus, observed.startedMs);
    return faults().length === 0;
  };
  await waitFor(complete, { what: 'all queries to answer', timeoutMs: 120_000 }).catch(() => undefined);
  process.stdout.write(`${formatOutcomes(outcomes)}\n`);
  expect(formatOutcomes(faults())).toBe('');
  expect(outcomes.length).toBeGreaterThan(200);
});

test('what the tests of the alerts are made of is what the services export', async () => {
  const exported = shapesOf(await recordScrape(observed.prometheus));
  const gone = [...shapesOf(readFileSync(RECORDED_SCRAPE, 'utf8'))].filter((shape) => !exported.has(shape));
  expect(gone, 'record again: node test/observability/record-scrape.ts').toEqual([]);
});

test('an exemplar of the latency leads to a trace that the logs know', async () => {
  const sli = buckets('whatsapp_connect_to_emit_duration_seconds', { event: 'connected', synthetic: 'false' });
  const traceId = await waitFor(
    async () => (await observed.prometheus.exemplars(sli, observed.startedMs))[0]?.labels['trace_id'],
    { what: 'an exemplar' },
  );
  for (const service of ['whatsapp', 'socket'] as const) {
    const isLogged = async () =>
      (await observed.system.logEntries(service)).some((entry) => entry['trace_id'] === traceId);
    await waitFor(isLogged, { what: `the trace in the log of ${service}` });
  }
});

test('CanaryDown fires when the canary is gone, and ends with its return', async () => {
  await silent('CanaryDown');
  await observed.system.kill('canary');
  expect((await firing('CanaryDown')).labels).toMatchObject({ severity: 'critical' });
  await observed.system.startProcess('canary');
  await silent('CanaryDown');
});
