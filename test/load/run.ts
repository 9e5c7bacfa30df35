import { setTimeout as sleep } from 'node:timers/promises';
import type { BrowsersReport } from './generator/browsers.ts';
import { originIn, sharedMs, type Origin } from './generator/clock.ts';
import { BrowserCrew } from './generator/crew.ts';
import { PublisherCrew } from './generator/publisher-crew.ts';
import type { PublisherReport } from './generator/publisher.ts';
import { Observation, observe, type Snapshot } from './measures/observation.ts';
import { LoadPlan, type PlanOptions } from './plan.ts';
import type { Target } from './system/target.ts';

export interface RunRequest {
  readonly plan: PlanOptions;
  readonly target: Target;
  /** Processes that hold browsers. */
  readonly workers: number;
  /** Ends the publishing early; what was sent until then is judged and reported. */
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

export type Progress =
  | { readonly phase: 'connecting'; readonly connected: number; readonly of: number }
  | {
      readonly phase: 'running' | 'draining';
      readonly seconds: number;
      readonly sent: number;
      readonly received: number;
    };

/** Everything that one run found out. */
export interface Measured {
  readonly publishers: readonly PublisherReport[];
  readonly browsers: readonly BrowsersReport[];
  /** The measured part and its aftermath. */
  readonly observation: Observation;
  /** Events sent after the warm-up. */
  readonly measuredEvents: number;
  readonly interrupted: boolean;
}

/** From the word to the first event, in ms. */
const LEAD_MS = 300;
/** What the browsers' processes need to foresee the time of one event, in ms. */
const FORESEE_MS = 0.003;
/** The joins' own reads of the stream follow 1 s and 5 s after them; the warm-up takes the rest. */
const SETTLE_MS = 1500;
/** Nothing new for so long means that nothing will come, in ms. */
const PATIENCE_MS = 5000;
const AFTERMATH_MS = 1000;

/** Opens the browsers, publishes by the plan, and judges what the browsers were shown. @throws GeneratorError */
export async function runPublished(request: RunRequest): Promise<Measured> {
  const { plan, target, signal, workers, onProgress } = request;
  await using browsers = new BrowserCrew({ target, plan, workers });
  await using publishers = new PublisherCrew(target.transport, plan);
  await browsers.connect(signal, (connected, of) => onProgress({ phase: 'connecting', connected, of }));
  await sleep(SETTLE_MS);
  return await measure({ browsers, publishers }, request);
}

/** The generator's processes. */
export interface Crews {
  readonly browsers: BrowserCrew;
  readonly publishers: PublisherCrew;
}

export type MeasureRequest = Omit<RunRequest, 'workers'> & {
  /** How long repeated and misled events may come behind the last expected one, in ms. Default 1,000. */
  readonly aftermathMs?: number;
};

/** One run with browsers that are there already. @throws GeneratorError */
export async function measure({ browsers, publishers }: Crews, request: MeasureRequest): Promise<Measured> {
  const { plan, target, signal, aftermathMs = AFTERMATH_MS } = request;
  await using stack = new AsyncDisposableStack();
  const epoch = newEpoch();
  await publishers.prepare(plan, epoch);
  const { count } = new LoadPlan(plan).schedule;
  const origin = originIn(LEAD_MS + count * FORESEE_MS);
  await browsers.begin({ origin, plan, epoch });
  await publishers.start(origin);
  const stop = () => publishers.stop();
  signal.addEventListener('abort', stop);
  stack.defer(() => signal.removeEventListener('abort', stop));
  if (signal.aborted) stop();
  const before = snapshotAt(origin.atMs + plan.warmupMs, target, signal);
  using ticker = everySecond(() => reportProgress(request, { browsers, publishers, origin }));
  const reports = await publishers.reports();
  ticker.draining();

  const sentByCompany = addCounts(reports.map((report) => report.sentByCompany));
  await browsers.untilReceived(browsers.audienceOf(sentByCompany), PATIENCE_MS);
  const after = await observe(target, sharedMs());
  await sleep(aftermathMs);
  return {
    publishers: reports,
    browsers: await browsers.judge({ kind: 'counted', sentByCompany }),
    observation: new Observation(await before, after),
    measuredEvents: eventsFrom(plan.warmupMs, new LoadPlan(plan), sumOf(reports)),
    interrupted: signal.aborted,
  };
}

/** Above that of every earlier run, so that nothing in the stream is newer than this run's events. */
export function newEpoch(): number {
  return Math.floor(Date.now() / 1000);
}

function sumOf(reports: readonly PublisherReport[]): number {
  return reports.reduce((sum, { sent }) => sum + sent, 0);
}

/** How many of the first `sent` events of the plan are due after a time. */
function eventsFrom(ms: number, { schedule }: LoadPlan, sent: number): number {
  let low = 0;
  let high = sent;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (schedule.timeOf(middle) < ms) low = middle + 1;
    else high = middle;
  }
  return sent - low;
}

function addCounts(counts: readonly Uint32Array[]): Uint32Array {
  const [first = new Uint32Array(), ...rest] = counts;
  return rest.reduce((sum, next) => sum.map((count, index) => count + (next[index] ?? 0)), first);
}

/** The measured part begins; an abort before it makes it begin at once. */
async function snapshotAt(atMs: number, target: Target, signal: AbortSignal): Promise<Snapshot> {
  await sleep(Math.max(0, atMs - sharedMs()), undefined, { signal }).catch(() => undefined);
  return observe(target, sharedMs());
}

async function reportProgress(
  { onProgress }: Pick<RunRequest, 'onProgress'>,
  { browsers, publishers, origin }: Crews & { readonly origin: Origin },
): Promise<(phase: 'running' | 'draining') => void> {
  const [{ received }, sent] = await Promise.all([browsers.progress(), publishers.sent()]);
  const seconds = (sharedMs() - origin.atMs) / 1000;
  return (phase) => onProgress({ phase, seconds, sent, received });
}

/** Asks each second, and not again before it was answered. */
function everySecond(ask: () => Promise<(phase: 'running' | 'draining') => void>): Disposable & { draining(): void } {
  let phase: 'running' | 'draining' = 'running';
  let asking = false;
  let over = false;
  const timer = setInterval(() => {
    if (asking) return;
    asking = true;
    ask()
      .then((say) => over || say(phase))
      // The run itself fails by the same cause.
      .catch(() => undefined)
      .finally(() => {
        asking = false;
      });
  }, 1000);
  return {
    draining: () => {
      phase = 'draining';
    },
    [Symbol.dispose]: () => {
      over = true;
      clearInterval(timer);
    },
  };
}
