/** Generator process: browsers of real companies, each with a ledger of what it was shown. */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Position } from '../../../shared/contract/position.ts';
import { LoadPlan, loadCompany, type PlanOptions } from '../plan.ts';
import { addVerdicts, EMPTY_VERDICT, SocketLedger, type Arrival, type Verdict } from '../verdict.ts';
import { openClient, type BrowserClient, type ClientKind } from './client.ts';
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

class Browsers {
  readonly #job: BrowsersJob;
  readonly #plan: LoadPlan | undefined;
  readonly #ledgers: SocketLedger[] = [];
  readonly #clients: BrowserClient[] = [];
  readonly #times = new Map<string, number[]>();
  readonly #latency = latencyHistogram();
  readonly #series = new LatencySeries();
  readonly #perSecond: number[] = [];
  readonly #connects: ConnectedArrival[] = [];
  #origin: Origin | undefined;
  #connected = 0;
  #received = 0;
  #disconnects = 0;
  #refusals = 0;
  #lastRefusal: string | undefined;
  #utilization = performance.eventLoopUtilization();
  #cpu = process.cpuUsage();

  constructor(job: BrowsersJob) {
    this.#job = job;
    this.#plan = job.plan && new LoadPlan(job.plan);
    if (this.#plan) this.#foresee(this.#plan);
  }

  get progress(): BrowsersProgress {
    return {
      connected: this.#connected,
      received: this.#received,
      disconnects: this.#disconnects,
      refusals: this.#refusals,
      lastRefusal: this.#lastRefusal,
    };
  }

  /** Resolves when all have been let in at least once, or none was for a while. */
  async connect(): Promise<void> {
    for (const seat of this.#job.seats) {
      while (this.#ledgers.length - this.#connected >= PARALLEL_HANDSHAKES) await sleep(2);
      this.#open(seat);
    }
  }

  begin(origin: Origin): void {
    this.#origin = origin;
    this.#utilization = performance.eventLoopUtilization();
    this.#cpu = process.cpuUsage();
  }

  judge(published: Published): BrowsersReport {
    const utilization = performance.eventLoopUtilization(this.#utilization).utilization;
    const { user, system } = process.cpuUsage(this.#cpu);
    const verdict = this.#ledgers
      .map((ledger, index) => ledger.judge(this.#publishedFor(index, published)))
      .reduce(addVerdicts, EMPTY_VERDICT);
    for (const client of this.#clients) client.close();
    return {
      ...this.progress,
      verdict,
      latency: encode(this.#latency),
      perSecond: this.#series.encode(),
      receivedPerSecond: Array.from(this.#perSecond, (count) => count ?? 0),
      connects: this.#connects,
      utilization,
      cpuSeconds: (user + system) / 1e6,
    };
  }

  /** The intended times of the events of each company that has a browser here. */
  #foresee(plan: LoadPlan): void {
    const wanted = new Set(this.#job.seats.map(({ company }) => company));
    const byIndex = new Map<number, number[]>();
    for (const company of wanted) {
      const times: number[] = [];
      byIndex.set(company, times);
      this.#times.set(loadCompany(company), times);
    }
    for (let event = 0; event < plan.schedule.count; event += 1) {
      byIndex.get(plan.companyOf(event))?.push(plan.schedule.timeOf(event));
    }
  }

  #open({ url, token, company }: BrowserSeat): void {
    const companyId = loadCompany(company);
    const ledger = new SocketLedger(companyId);
    let wasConnected = false;
    let emitAtMs: number | undefined;
    this.#ledgers.push(ledger);
    const client = openClient(
      this.#job.client,
      { url, token, companyId },
      {
        onConnected: () => {
          if (!wasConnected) this.#connected += 1;
          wasConnected = true;
        },
        onDisconnected: () => {
          this.#disconnects += 1;
        },
        onRefused: (reason) => {
          this.#refusals += 1;
          this.#lastRefusal = reason;
        },
        onConnectedEmit: () => {
          // Two in a row: the first one's state never came.
          if (emitAtMs !== undefined) ledger.takeConnectedEmit();
          emitAtMs = sharedMs();
        },
        onState: (arrival, state) => {
          const atMs = emitAtMs ?? sharedMs();
          const hadEmit = emitAtMs !== undefined;
          emitAtMs = undefined;
          if (!this.#origin || arrival.epoch < this.#job.epoch) return;
          this.#take(ledger, arrival, { atMs, hadEmit, connected: state === 'connected' });
        },
      },
    );
    this.#clients.push(client);
  }

  #take(
    ledger: SocketLedger,
    arrival: Arrival,
    { atMs, hadEmit, connected }: { atMs: number; hadEmit: boolean; connected: boolean },
  ): void {
    const before = ledger.received;
    if (hadEmit) ledger.takeConnectedEmit();
    ledger.take(arrival, connected);
    if (ledger.received === before || !this.#origin) return;
    this.#received += 1;
    const ranMs = atMs - this.#origin.atMs;
    const second = Math.max(0, Math.floor(ranMs / 1000));
    this.#perSecond[second] = (this.#perSecond[second] ?? 0) + 1;
    if (!this.#plan) {
      if (connected) this.#connects.push({ ...arrival, atMs });
      return;
    }
    const dueMs = this.#times.get(arrival.companyId)?.[arrival.seq - 1];
    if (dueMs === undefined || dueMs < this.#plan.options.warmupMs) return;
    recordMs(this.#latency, ranMs - dueMs);
    this.#series.record(Math.floor(dueMs / 1000), ranMs - dueMs);
  }

  #publishedFor(index: number, published: Published): readonly Position[] {
    const seat = this.#job.seats[index];
    if (!seat) return [];
    if (published.kind === 'listed') return published.positions.get(loadCompany(seat.company)) ?? [];
    const sent = published.sentByCompany[seat.company] ?? 0;
    return Array.from({ length: sent }, (_, seq) => ({ epoch: this.#job.epoch, seq: seq + 1 }));
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
  begin: (origin: Origin): void => started().begin(origin),
  judge: (published: Published): BrowsersReport => started().judge(published),
};
export type BrowsersMethods = typeof browsersMethods;

if (import.meta.main) serve(browsersMethods);
