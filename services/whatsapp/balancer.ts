import { capacityOf, surplusOf } from './fair-share.ts';
import type { LeaseInstruments } from './lease-instruments.ts';
import type { Lease } from './lease.ts';
import type { SessionPool } from './session/session-pool.ts';
import type { LeaseStore, LiveReplica } from './store/lease-store.ts';
import type { SessionStore } from './store/session-store.ts';

export interface BalancerOptions {
  readonly lease: Lease;
  readonly leases: LeaseStore;
  readonly sessions: SessionStore;
  readonly pool: SessionPool;
  readonly instruments: LeaseInstruments;
  /** The first round after each start of a lease is done. */
  readonly onSettled: () => void;
}

/** Why a round is made; only the regular ones give up surplus, so that it goes slowly. */
export type RoundCause = 'joined' | 'renewed' | 'signal' | 'lease-ended';

/** Replicas that wait for the end of the same lease do not all look at the same moment. */
const LOOK_JITTER_MS = 250;

/**
 * Keeps what this replica holds in step with the database: takes what nobody holds up to its fair share, gives up what is
 * beyond it, and ends what somebody else has taken. Rounds look at states only, so whatever was missed is made good by the
 * next one.
 */
export class Balancer implements AsyncDisposable {
  readonly #options: BalancerOptions;
  #running: Promise<void> | undefined;
  readonly #wanted = new Set<RoundCause>();
  #nextEnd: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: BalancerOptions) {
    this.#options = options;
  }

  /** Makes a round, or another one after the round under way. Never throws. */
  trigger(cause: RoundCause): void {
    if (this.#stopped) return;
    this.#wanted.add(cause);
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#nextEnd);
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#wanted.size > 0 && !this.#stopped) {
      const causes = new Set(this.#wanted);
      this.#wanted.clear();
      try {
        if (this.#options.lease.valid) await this.#round(causes);
      } catch (error) {
        // The next renewal comes with a round of its own.
        this.#options.instruments.roundFailed(error);
      }
    }
  }

  async #round(causes: ReadonlySet<RoundCause>): Promise<void> {
    const { lease, leases, sessions, pool, instruments, onSettled } = this.#options;
    const { id } = lease;
    const expired = await leases.removeExpired();
    if (expired.length > 0) instruments.expired(expired);
    await this.#compare(id);
    const [live, free] = await Promise.all([leases.listLive(), sessions.countRestorable()]);
    this.#lookAtNextEnd(live.filter((replica) => replica.id !== id));
    const total = free + live.reduce((sum, replica) => sum + replica.sessions, 0);
    const capacity = capacityOf(id, live, total);
    const held = pool.size;
    if (free > 0 && held < capacity) await pool.restore(capacity - held);
    else if (held > capacity && live.length > 1 && causes.has('renewed')) await this.#release(held, capacity);
    if (causes.has('joined')) onSettled();
  }

  /** A replica that dies says nothing: what it held is free at the end of its lease, and not only a round later. */
  #lookAtNextEnd(others: readonly LiveReplica[]): void {
    clearTimeout(this.#nextEnd);
    if (others.length === 0 || this.#stopped) return;
    const inMs = Math.min(...others.map(({ endsInMs }) => endsInMs)) + Math.random() * LOOK_JITTER_MS;
    this.#nextEnd = setTimeout(() => this.trigger('lease-ended'), inMs);
  }

  /** What the pool holds and what the rows say of it must be the same companies. */
  async #compare(id: string): Promise<void> {
    const { leases, pool, instruments } = this.#options;
    const before = pool.all().map(({ companyId }) => companyId);
    const held = await leases.listHeld(id);
    const lost = before.filter((companyId) => !held.has(companyId) && pool.get(companyId));
    for (const companyId of lost) {
      instruments.sessionLost(companyId);
      await pool.get(companyId)?.lose();
    }
    for (const [companyId, epoch] of held) {
      // Taken over by a process that stumbled on the way; nobody else can until it is let go.
      if (!pool.has(companyId)) await leases.release(companyId, epoch, id);
    }
  }

  async #release(held: number, capacity: number): Promise<void> {
    const { pool, instruments } = this.#options;
    const count = surplusOf(held, capacity);
    const surplus = pool
      .all()
      // Whoever looks at a QR keeps the session that shows it.
      .filter(({ machine }) => machine.linked && machine.phase !== 'ended')
      .slice(-count);
    if (surplus.length === 0) return;
    instruments.surplus(surplus.length, held, capacity);
    await Promise.all(surplus.map((session) => session.stop()));
  }
}
