import { EVENT_OUTCOMES } from '../../../shared/contract/metrics.ts';
import { mergeLatencies, percentileCurve, toPercentiles, type Percentiles } from '../generator/latencies.ts';
import { agreeWithinABucket, countOf, meanMsOf, quantileMs, type BucketHistogram } from '../measures/exposition.ts';
import type { Observation } from '../measures/observation.ts';
import type { LoadOptions } from '../options.ts';
import { LoadPlan } from '../plan.ts';
import type { Measured } from '../run.ts';
import { addVerdicts, EMPTY_VERDICT, voidReasons, type Verdict } from '../verdict.ts';
import type { Environment } from './environment.ts';
import { REPORT_VERSION, type LoadReport, type ProcessRow, type SecondRow, type ServerDuration } from './report.ts';
import { kneeOf, stepVoidReasons, toSteps } from './steps.ts';

export interface ReportInput {
  readonly options: LoadOptions;
  readonly measured: Measured;
  readonly environment: Environment;
  readonly command: string;
  readonly madeAt: Date;
}

const STAGES = ['prepare', 'publish', 'broker_transit', 'route', 'emit'] as const;
const SYNTHETIC = { synthetic: 'true' } as const;

export function toReport({ options, measured, environment, command, madeAt }: ReportInput): LoadReport {
  const { publishers, browsers, observation } = measured;
  const histogram = mergeLatencies(browsers.map(({ latency }) => latency));
  const latency = toPercentiles(histogram);
  const lag = toPercentiles(mergeLatencies(publishers.map((publisher) => publisher.lag)));
  const confirmation = toPercentiles(mergeLatencies(publishers.map((publisher) => publisher.confirmation)));
  const verdict = browsers.map((each) => each.verdict).reduce(addVerdicts, EMPTY_VERDICT);
  const generator = [
    ...publishers.map((each, index) => ({ name: `publisher ${index + 1}`, ...busy(each) })),
    ...browsers.map((each, index) => ({ name: `browsers ${index + 1}`, ...busy(each) })),
  ];
  const health = {
    delivered: verdict.delivered,
    timed: latency.count,
    // Of a run that goes beyond the knee each step is judged by itself.
    lagP99Ms: options.profile === 'step' ? 0 : lag.p99Ms,
    // A link begins when it is due; the latency of its connect counts from WhatsApp's report.
    latencyP99Ms: options.through === 'whatsapp' ? confirmation.p99Ms : latency.p99Ms,
    utilization: Math.max(0, ...generator.map(({ utilization }) => utilization)),
  };
  const seconds = toSeconds(options, measured);
  const lags = publishers.map(({ lagPerSecond }) => lagPerSecond);
  const steps = options.profile === 'step' ? toSteps(options, seconds, lags) : [];
  const { outDir: _, ...shown } = options;
  return {
    version: REPORT_VERSION,
    madeAt: madeAt.toISOString(),
    command,
    options: shown,
    environment,
    interrupted: measured.interrupted,
    voidReasons: [...voidReasons(health), ...stepVoidReasons(steps)],
    failures: toFailures(options, { verdict, latency, measured }),
    verdict,
    sent: publishers.reduce((sum, { sent }) => sum + sent, 0),
    latency,
    curve: percentileCurve(histogram),
    seconds,
    steps,
    kneeRate: kneeOf(steps),
    lag,
    confirmation,
    server: toServerView(observation, latency),
    stages: STAGES.flatMap((stage) => {
      const found = observation.histogram('whatsapp_event_stage_duration_seconds', { stage, ...SYNTHETIC });
      return found && countOf(found) > 0 ? [{ stage, ...toDuration(found) }] : [];
    }),
    counters: toCounters(observation),
    processes: toProcesses(observation, measured.measuredEvents),
    generator,
    disconnects: browsers.reduce((sum, each) => sum + each.disconnects, 0),
  };
}

function busy({ utilization, cpuSeconds }: { utilization: number; cpuSeconds: number }) {
  return { utilization, cpuSeconds };
}

/** What the run was asked to hold and did not. */
function toFailures(
  { maxLost, maxP99Ms }: Pick<LoadOptions, 'maxLost' | 'maxP99Ms'>,
  { verdict, latency, measured }: { verdict: Verdict; latency: Percentiles; measured: Measured },
): readonly string[] {
  const failures: string[] = [];
  if (verdict.lost > maxLost) failures.push(`${verdict.lost} lost, ${maxLost} allowed`);
  if (verdict.duplicated > 0) failures.push(`${verdict.duplicated} duplicated`);
  if (verdict.outOfOrder > 0) failures.push(`${verdict.outOfOrder} out of order`);
  if (verdict.wrongRoom > 0) failures.push(`${verdict.wrongRoom} in a wrong room`);
  if (verdict.unconverged > 0) failures.push(`${verdict.unconverged} browsers do not show the last state`);
  if (verdict.unpaired > 0)
    failures.push(`${verdict.unpaired} whatsapp-connected emits without their state, or states without`);
  if (maxP99Ms !== undefined && latency.p99Ms > maxP99Ms) {
    failures.push(`p99 ${latency.p99Ms.toFixed(2)} ms, ${maxP99Ms} ms allowed`);
  }
  for (const { failed, firstFailure } of measured.publishers) {
    if (failed > 0) failures.push(`${failed} events were not published: ${firstFailure ?? 'unknown'}`);
  }
  return failures;
}

function toSeconds(options: LoadOptions, { browsers }: Measured): readonly SecondRow[] {
  const offered = offeredPerSecond(options);
  const length = Math.max(offered.length, ...browsers.map(({ receivedPerSecond }) => receivedPerSecond.length));
  return Array.from({ length }, (_, second) => {
    const histogram = mergeLatencies(browsers.map(({ perSecond }) => perSecond[second] ?? ''));
    const { count, p50Ms, p99Ms, maxMs } = toPercentiles(histogram);
    return {
      second,
      offered: offered[second] ?? 0,
      delivered: browsers.reduce((sum, { receivedPerSecond }) => sum + (receivedPerSecond[second] ?? 0), 0),
      ...(count > 0 && { p50Ms, p99Ms, maxMs }),
    };
  });
}

/** Deliveries by the second in which they are meant to begin. */
function offeredPerSecond(options: LoadOptions): readonly number[] {
  if (options.through === 'whatsapp') return [];
  const plan = new LoadPlan(options);
  const audience = new Map<number, number>();
  for (const company of plan.companiesOfSockets()) audience.set(company, (audience.get(company) ?? 0) + 1);
  const offered = Array.from({ length: Math.ceil(plan.schedule.durationMs / 1000) }, () => 0);
  for (let event = 0; event < plan.schedule.count; event += 1) {
    const second = Math.floor(plan.schedule.timeOf(event) / 1000);
    offered[second] = (offered[second] ?? 0) + (audience.get(plan.companyOf(event)) ?? 0);
  }
  return offered;
}

function toServerView(observation: Observation, { p50Ms, p99Ms }: Percentiles): LoadReport['server'] {
  const name = 'whatsapp_connect_to_emit_duration_seconds';
  const found = observation.histogram(name, { event: 'connected', delivery: 'live', ...SYNTHETIC });
  if (!found || countOf(found) === 0) return undefined;
  const connectToEmit = toDuration(found);
  return {
    connectToEmit,
    p50Agrees: agreeWithinABucket(found, connectToEmit.p50Ms, p50Ms),
    p99Agrees: agreeWithinABucket(found, connectToEmit.p99Ms, p99Ms),
  };
}

function toDuration(histogram: BucketHistogram): ServerDuration {
  return {
    count: countOf(histogram),
    meanMs: meanMsOf(histogram),
    p50Ms: quantileMs(histogram, 0.5),
    p99Ms: quantileMs(histogram, 0.99),
  };
}

function toCounters(observation: Observation): Readonly<Record<string, number>> {
  return {
    ...Object.fromEntries(
      EVENT_OUTCOMES.map((outcome) => [
        `events ${outcome}`,
        observation.counter('socket_events_total', { outcome, ...SYNTHETIC }),
      ]),
    ),
    'events invalid': observation.counter('socket_invalid_events_total'),
    'states repaired': observation.counter('event_feed_repairs_total'),
    'publishes repeated': observation.counter('publish_retries_total'),
    'NATS reconnects': observation.counter('nats_client_reconnects_total'),
  };
}

function toProcesses(observation: Observation, events: number): readonly ProcessRow[] {
  return observation.uses.map(({ name, cpuSeconds, residentBytes }) => ({
    name,
    cpuSeconds,
    residentBytes,
    cpuShare: observation.seconds > 0 ? cpuSeconds / observation.seconds : 0,
    cpuUsPerEvent: events === 0 ? 0 : (cpuSeconds / events) * 1e6,
  }));
}
