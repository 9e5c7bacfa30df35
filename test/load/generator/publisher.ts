/** Generator process: sends the events of its share of the companies when they are due. */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { LoadPlan, loadCompany, type PlanOptions } from '../plan.ts';
import { block, sharedMs, type Origin } from './clock.ts';
import { encode, latencyHistogram, LatencySeries, recordMs } from './latencies.ts';
import { toOutgoing, type OutgoingEvent } from './outgoing.ts';
import { takeRealTimePriority } from './priority.ts';
import { serve } from './remote.ts';
import { openTransport, type Transport, type TransportOptions } from './transport.ts';

export interface PublisherJob {
  readonly plan: PlanOptions;
  readonly transport: TransportOptions;
  /** Above that of every earlier run on the same stream. */
  readonly epoch: number;
  /** This process sends for each company whose index leaves this remainder. */
  readonly shard: number;
  readonly shards: number;
}

export interface PublisherProgress {
  readonly sent: number;
  readonly confirmed: number;
  readonly failed: number;
}

export interface PublisherReport extends PublisherProgress {
  /** Events sent for each company, by index. */
  readonly sentByCompany: Uint32Array;
  /** Events sent in each second of the run. */
  readonly sentPerSecond: readonly number[];
  /** How late the events were sent, and how long the confirmations took; of the measured part, encoded. */
  readonly lag: string;
  readonly confirmation: string;
  /** The lag by the second in which an event was meant to be sent, warm-up included. */
  readonly lagPerSecond: readonly string[];
  readonly firstFailure: string | undefined;
  /** Share of its time that the process was busy, 0 to 1. */
  readonly utilization: number;
  readonly cpuSeconds: number;
}

/** Events sent before what came in is looked at. */
const MAX_BURST = 256;
/** Longest time that the thread may be blocked, in ms: confirmations wait meanwhile. */
const MAX_BLOCK_MS = 0.5;
/** A blocked thread is woken so long before the event, in ms: the kernel may be late, and what came in takes its time. */
const AWAKE_MS = 0.1;
/** Nothing else is begun so shortly before an event, in ms: the rest of the wait is spent looking at the clock. */
const SPIN_MS = 0.05;
/** A timer is late by up to this, in ms. */
const TIMER_ERROR_MS = 2.5;
/** How long events that were sent may take to be confirmed after the last one, in ms. */
const CONFIRM_TIMEOUT_MS = 15_000;

class Publisher {
  readonly #job: PublisherJob;
  readonly #plan: LoadPlan;
  readonly #transport: Transport;
  readonly #seqs: Uint32Array;
  readonly #lag = latencyHistogram();
  readonly #lagPerSecond = new LatencySeries();
  readonly #confirmation = latencyHistogram();
  readonly #perSecond: number[] = [];
  #sent = 0;
  #confirmed = 0;
  #failed = 0;
  #firstFailure: string | undefined;
  #stopped = false;
  #onDecided: (() => void) | undefined;

  constructor(job: PublisherJob, transport: Transport) {
    this.#job = job;
    this.#plan = new LoadPlan(job.plan);
    this.#transport = transport;
    this.#seqs = new Uint32Array(job.plan.companies);
  }

  get progress(): PublisherProgress {
    return { sent: this.#sent, confirmed: this.#confirmed, failed: this.#failed };
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Resolves when everything is sent and decided. */
  async run(origin: Origin): Promise<PublisherReport> {
    const { count } = this.#plan.schedule;
    const { shard, shards } = this.#job;
    const began = sharedMs();
    const cpu = process.cpuUsage();
    for (let event = 0, burst = 0; event < count && !this.#stopped; event += 1) {
      const company = this.#plan.companyOf(event);
      if (company % shards !== shard) continue;
      const due = this.#prepare(event, company, origin);
      if (burst >= MAX_BURST) {
        burst = 0;
        await nextTurn();
      }
      if (await this.#waitUntil(origin.atMs + due.dueMs)) burst = 0;
      if (this.#stopped) break;
      this.#send(due, origin);
      burst += 1;
    }
    const used = process.cpuUsage(cpu);
    const ranMs = sharedMs() - began;
    await this.#untilDecided();
    return {
      ...this.progress,
      sentByCompany: this.#seqs,
      sentPerSecond: this.#perSecond,
      lag: encode(this.#lag),
      lagPerSecond: this.#lagPerSecond.encode(),
      confirmation: encode(this.#confirmation),
      firstFailure: this.#firstFailure,
      utilization: ranMs === 0 ? 0 : (used.user + used.system) / 1000 / ranMs,
      cpuSeconds: (used.user + used.system) / 1e6,
    };
  }

  /** Makes an event before it is due, so that its making is not part of its latency. */
  #prepare(event: number, company: number, origin: Origin): Due {
    const dueMs = this.#plan.schedule.timeOf(event);
    const seq = (this.#seqs[company] ?? 0) + 1;
    const at = { occurredAtUs: origin.wallUs + dueMs * 1000, sampled: this.#plan.isSampled(event) };
    return { company, seq, dueMs, outgoing: toOutgoing(loadCompany(company), { epoch: this.#job.epoch, seq }, at) };
  }

  /** Answers whether what came in was looked at meanwhile. */
  async #waitUntil(atMs: number): Promise<boolean> {
    let looked = false;
    for (let leftMs = atMs - sharedMs(); leftMs > 0 && !this.#stopped; leftMs = atMs - sharedMs()) {
      if (leftMs <= SPIN_MS) continue;
      looked = true;
      if (leftMs > TIMER_ERROR_MS) {
        await sleep(leftMs - TIMER_ERROR_MS);
        continue;
      }
      await nextTurn();
      const idleMs = atMs - sharedMs() - AWAKE_MS;
      if (idleMs > 0) block(Math.min(idleMs, MAX_BLOCK_MS));
    }
    return looked;
  }

  #send({ company, seq, dueMs, outgoing }: Due, origin: Origin): void {
    this.#seqs[company] = seq;
    const sentAtMs = sharedMs() - origin.atMs;
    const measured = dueMs >= this.#plan.options.warmupMs;
    if (measured) recordMs(this.#lag, sentAtMs - dueMs);
    this.#lagPerSecond.record(Math.floor(dueMs / 1000), sentAtMs - dueMs);
    const second = Math.floor(sentAtMs / 1000);
    this.#perSecond[second] = (this.#perSecond[second] ?? 0) + 1;
    this.#sent += 1;
    this.#transport.send(outgoing).then(
      () => {
        this.#confirmed += 1;
        if (measured) recordMs(this.#confirmation, sharedMs() - origin.atMs - sentAtMs);
        if (this.#undecided === 0) this.#onDecided?.();
      },
      (error: unknown) => {
        this.#fail(1, String(error));
        if (this.#undecided === 0) this.#onDecided?.();
      },
    );
  }

  get #undecided(): number {
    return this.#sent - this.#confirmed - this.#failed;
  }

  #fail(count: number, why: string): void {
    this.#failed += count;
    this.#firstFailure ??= why;
  }

  async #untilDecided(): Promise<void> {
    if (this.#undecided === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onDecided = resolve;
    const timer = setTimeout(resolve, CONFIRM_TIMEOUT_MS);
    await promise;
    clearTimeout(timer);
    if (this.#undecided > 0) this.#fail(this.#undecided, `not confirmed within ${CONFIRM_TIMEOUT_MS / 1000} s`);
  }
}

/** An event with the time that it is meant to be sent at. */
interface Due {
  readonly company: number;
  readonly seq: number;
  readonly dueMs: number;
  readonly outgoing: OutgoingEvent;
}

/** Companies whose subject's end a confirmed publisher remembers. */
const MAX_PRIMED = 20_000;
const PARALLEL_PRIMES = 100;

/**
 * Publishes one event of each company in advance. A confirmed publisher reads the end of a subject before its first
 * event there; in the service that was `starting`, long before the connect that is measured.
 */
async function prime(transport: Transport, { plan, epoch, shard, shards }: PublisherJob): Promise<void> {
  if (plan.companies > MAX_PRIMED) return;
  const at = { occurredAtUs: Date.now() * 1000, sampled: false };
  let company = shard;
  const next = async () => {
    while (company < plan.companies) {
      const companyId = loadCompany(company);
      company += shards;
      // Older than the run's own events: they are not taken for them.
      await transport.send(toOutgoing(companyId, { epoch: epoch - 1, seq: 1 }, at));
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_PRIMES }, next));
}

let transport: Transport | undefined;
let primed = 0;
let publisher: Publisher | undefined;
let running: Promise<PublisherReport> | undefined;

export const publisherMethods = {
  /** May be called again for another run over the same connection. */
  prepare: async (job: PublisherJob): Promise<void> => {
    if (!transport) takeRealTimePriority();
    transport ??= await openTransport(job.transport);
    if (job.transport.kind === 'jetstream' && primed < job.plan.companies) {
      await prime(transport, job);
      primed = job.plan.companies;
    }
    publisher = new Publisher(job, transport);
  },
  start: (origin: Origin): void => {
    running = publisher?.run(origin);
  },
  progress: (): PublisherProgress => publisher?.progress ?? { sent: 0, confirmed: 0, failed: 0 },
  stop: (): void => publisher?.stop(),
  report: async (): Promise<PublisherReport> => {
    if (!running) throw new Error('not started');
    return await running;
  },
};
export type PublisherMethods = typeof publisherMethods;

if (import.meta.main) serve(publisherMethods);
