/** Generator process: browsers of real companies, each with a ledger of what it was shown. */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Position } from '../../../shared/contract/position.ts';
import { LoadPlan, loadCompany, type PlanOptions } from '../plan.ts';
import { addVerdicts, EMPTY_VERDICT, SocketLedger, type Arrival, type Verdict } from '../verdict.ts';
import { openClient, type ClientKind } from './client.ts';
import { sharedMs, type Origin } from './clock.ts';
import { encode, latencyHistogram, LatencySeries, recordMs } from './latencies.ts';
import { takePriority } from './priority.ts';
import { serve } from './remote.ts';

export interface BrowserSeat {
  readonly url: string;
  readonly token: string;
  /** Index of the company. */
  readonly company: number;
}

export interface BrowsersJob {
  readonly client: ClientKind;
  readonly seats: readonly BrowserSeat[];
}

/** One run; the same browsers may see several. */
export interface BrowsersRun {
  readonly origin: Origin;
  /** Times of the events by the plan; `undefined` when others publish, and latencies are not counted here. */
  readonly plan: PlanOptions | undefined;
  /** Older epochs are what earlier runs left in the stream. */
  readonly epoch: number;
}

export interface BrowsersProgress {
  readonly connected: number;
  /** First arrivals so far. */
  readonly received: number;
  readonly disconnects: number;
  readonly refusals: number;
  readonly lastRefusal: string | undefined;
}

/** A `connected` that was shown, with the time by the shared clock. */
export interface ConnectedArrival extends Arrival {
  readonly atMs: number;
}

export interface BrowsersReport extends BrowsersProgress {
  readonly verdict: Verdict;
  /** Of the measured part, encoded. */
  readonly latency: string;
  readonly perSecond: readonly string[];
  readonly receivedPerSecond: readonly number[];
  /** Only without a plan. */
  readonly connects: readonly ConnectedArrival[];
  readonly utilization: number;
  readonly cpuSeconds: number;
}

/** What was published: by count, where the run numbers them from 1, or by name. */
export type Published =
  | { readonly kind: 'counted'; readonly sentByCompany: Uint32Array }
  | { readonly kind: 'listed'; readonly positions: ReadonlyMap<string, readonly Position[]> };

/** Handshakes under way at once: a storm of them is another test. */
const PARALLEL_HANDSHAKES = 50;

/** What the browsers were shown in one run. */
class Run {
  readonly #run: BrowsersRun;
  readonly #warmupMs: number;
  readonly #ledgers: ReadonlyMap<BrowserSeat, SocketLedger>;
  readonly #times = new Map<string, number[]>();
  readonly #latency = latencyHistogram();
  readonly #series = new LatencySeries();
  readonly #perSecond: number[] = [];
  readonly #connects: ConnectedArrival[] = [];
  readonly #utilization = performance.eventLoopUtilization();
  readonly #cpu = process.cpuUsage();
  received = 0;

  constructor(run: BrowsersRun, seats: readonly BrowserSeat[]) {
    this.#run = run;
    this.#warmupMs = run.plan?.warmupMs ?? 0;
    this.#ledgers = new Map(seats.map((seat) => [seat, new SocketLedger(loadCompany(seat.company))]));
    if (run.plan) this.#foresee(new LoadPlan(run.plan), seats);
  }

  /** A state. `emitAtMs` is when the `whatsapp-connected` before it came, if one did. */
  take(
    seat: BrowserSeat,
    arrival: Arrival,
    { emitAtMs, state }: { emitAtMs: number | undefined; state: string },
  ): void {
    const ledger = this.#ledgers.get(seat);
    if (!ledger || arrival.epoch < this.#run.epoch) return;
    const atMs = emitAtMs ?? sharedMs();
    const connected = state === 'connected';
    const before = ledger.received;
    if (emitAtMs !== undefined) ledger.takeConnectedEmit();
    ledger.take(arrival, connected);
    if (ledger.received === before) return;
    this.received += 1;
    const ranMs = atMs - this.#run.origin.atMs;
    const second = Math.max(0, Math.floor(ranMs / 1000));
    this.#perSecond[second] = (this.#perSecond[second] ?? 0) + 1;
    if (this.#run.plan) this.#time(arrival, ranMs);
    else if (connected) this.#connects.push({ ...arrival, atMs });
  }

  /** A `whatsapp-connected` whose state never came. */
  takeOrphan(seat: BrowserSeat): void {
    this.#ledgers.get(seat)?.takeConnectedEmit();
  }

  judge(published: Published): Omit<BrowsersReport, keyof BrowsersProgress> {
    const { utilization } = performance.eventLoopUtilization(this.#utilization);
    const { user, system } = process.cpuUsage(this.#cpu);
    const verdicts = [...this.#ledgers].map(([seat, ledger]) => ledger.judge(this.#publishedFor(seat, published)));
    return {
      verdict: verdicts.reduce(addVerdicts, EMPTY_VERDICT),
      latency: encode(this.#latency),
      perSecond: this.#series.encode(),
      receivedPerSecond: Array.from(this.#perSecond, (count) => count ?? 0),
      connects: this.#connects,
      utilization,
      cpuSeconds: (user + system) / 1e6,
    };
  }

  /** The intended times of the events of each company that has a browser here. */
  #foresee(plan: LoadPlan, seats: readonly BrowserSeat[]): void {
    const byIndex = new Map(seats.map(({ company }): [number, number[]] => [company, []]));
    for (const [company, times] of byIndex) this.#times.set(loadCompany(company), times);
    for (let event = 0; event < plan.schedule.count; event += 1) {
      byIndex.get(plan.companyOf(event))?.push(plan.schedule.timeOf(event));
    }
  }

  #time({ companyId, seq }: Arrival, ranMs: number): void {
    const dueMs = this.#times.get(companyId)?.[seq - 1];
    if (dueMs === undefined || dueMs < this.#warmupMs) return;
    recordMs(this.#latency, ranMs - dueMs);
    this.#series.record(Math.floor(dueMs / 1000), ranMs - dueMs);
  }

  #publishedFor({ company }: BrowserSeat, published: Published): readonly Position[] {
    if (published.kind === 'listed') return published.positions.get(loadCompany(company)) ?? [];
    const sent = published.sentByCompany[company] ?? 0;
    return Array.from({ length: sent }, (_, seq) => ({ epoch: this.#run.epoch, seq: seq + 1 }));
  }
}

class Browsers {
  readonly #job: BrowsersJob;
  #opened = 0;
  #connected = 0;
  #disconnects = 0;
  #refusals = 0;
  #lastRefusal: string | undefined;
  #run: Run | undefined;

  constructor(job: BrowsersJob) {
    this.#job = job;
  }

  get progress(): BrowsersProgress {
    return {
      connected: this.#connected,
      received: this.#run?.received ?? 0,
      disconnects: this.#disconnects,
      refusals: this.#refusals,
      lastRefusal: this.#lastRefusal,
    };
  }

  /** Resolves when all have been opened; the last of them may still be on their way in. */
  async connect(): Promise<void> {
    for (const seat of this.#job.seats) {
      while (this.#opened - this.#connected >= PARALLEL_HANDSHAKES) await sleep(2);
      this.#opened += 1;
      this.#open(seat);
    }
  }

  begin(run: BrowsersRun): void {
    this.#run = new Run(run, this.#job.seats);
    this.#disconnects = 0;
  }

  judge(published: Published): BrowsersReport {
    if (!this.#run) throw new Error('not begun');
    return { ...this.progress, ...this.#run.judge(published) };
  }

  #open(seat: BrowserSeat): void {
    const { url, token, company } = seat;
    let emitAtMs: number | undefined;
    openClient(
      this.#job.client,
      { url, token, companyId: loadCompany(company) },
      {
        onConnected: () => {
          this.#connected += 1;
        },
        onDisconnected: () => {
          this.#connected -= 1;
          this.#disconnects += 1;
        },
        onRefused: (reason) => {
          this.#refusals += 1;
          this.#lastRefusal = reason;
        },
        onConnectedEmit: () => {
          if (emitAtMs !== undefined) this.#run?.takeOrphan(seat);
          emitAtMs = sharedMs();
        },
        onState: (arrival, state) => {
          this.#run?.take(seat, arrival, { emitAtMs, state });
          emitAtMs = undefined;
        },
      },
    );
  }
}

let browsers: Browsers | undefined;

function started(): Browsers {
  if (!browsers) throw new Error('not prepared');
  return browsers;
}

export const browsersMethods = {
  prepare: (job: BrowsersJob): void => {
    takePriority();
    browsers = new Browsers(job);
  },
  connect: (): Promise<void> => started().connect(),
  progress: (): BrowsersProgress => started().progress,
  begin: (run: BrowsersRun): void => started().begin(run),
  judge: (published: Published): BrowsersReport => started().judge(published),
};
export type BrowsersMethods = typeof browsersMethods;

if (import.meta.main) serve(browsersMethods);
