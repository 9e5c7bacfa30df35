import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '../../shared/lifecycle/backoff.ts';
import { LeaseLostError } from './store/errors.ts';
import type { LeaseStore } from './store/lease-store.ts';

export interface LeaseTimes {
  /** How long a lease lasts that nobody renews, in ms. Default 30,000. */
  readonly ttlMs?: number | undefined;
  /** Between two renewals, in ms. Default a third of the lease. */
  readonly renewMs?: number | undefined;
}

export interface LeaseOptions extends LeaseTimes {
  readonly store: LeaseStore;
  /** `REPLICA_ID`: what others say of whoever holds a session. */
  readonly replicaName: string;
  readonly maxSessions: number;
  /** There is a lease, new or renewed. Must not throw. */
  readonly onHeld: (change: 'joined' | 'renewed') => void;
  /** Whoever waits for it must have stopped everything when it resolves: soon somebody else begins. Must not reject. */
  readonly onLost: () => Promise<void>;
  /** It could not be renewed or begun yet. */
  readonly onError: (error: unknown) => void;
  /** Monotonic, in ms. */
  readonly now?: () => number;
}

const TTL_MS = 30_000;
/** The part of a lease that is used: in the rest the sessions are stopped, before anybody else can take them. */
const USABLE = 0.8;
const RETRY = { baseMs: 100, maxMs: 1_000 };

/**
 * The right of this process to hold sessions. It counts its own time from before each renewal was sent and on a clock
 * that only goes forward, so it ends here, with everything stopped, before it ends in the database. A process that was
 * paused finds it over at its first glance. Lost, it begins a new one under a new id as soon as the database lets it.
 */
export class Lease {
  readonly #options: LeaseOptions;
  readonly #ttlMs: number;
  readonly #renewMs: number;
  readonly #now: () => number;
  readonly #stop = new AbortController();
  #id = '';
  #validUntil = -Infinity;
  #deadline: NodeJS.Timeout | undefined;
  #losing: Promise<void> | undefined;
  #running: Promise<void> | undefined;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#ttlMs = options.ttlMs ?? TTL_MS;
    this.#renewMs = options.renewMs ?? this.#ttlMs / 3;
    this.#now = options.now ?? (() => performance.now());
  }

  get valid(): boolean {
    return this.#now() < this.#validUntil;
  }

  /** What rows name their owner by. @throws LeaseLostError */
  get id(): string {
    if (!this.valid) throw new LeaseLostError();
    return this.#id;
  }

  /** Begins the first lease and keeps it from then on. @throws DatabaseUnavailableError */
  async start(): Promise<void> {
    await this.#join();
    this.#running = this.#keep();
  }

  /** Ends it and frees what it held, at once for everybody; whatever it covered has been stopped before. Never rejects. */
  async leave(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#losing;
    this.#end();
    try {
      if (this.#id !== '') await this.#options.store.leave(this.#id);
    } catch (error) {
      // Then it ends by itself.
      this.#options.onError(error);
    }
  }

  async #keep(): Promise<void> {
    while (await this.#pause(this.#renewMs)) {
      await this.#losing;
      if (this.valid) await this.#renew();
      else await this.#rejoin();
    }
  }

  /** Until it succeeds, or the lease is over: whichever comes first is seen by `#lose` or by the caller's next round. */
  async #renew(): Promise<void> {
    const id = this.#id;
    for (let attempt = 0; this.valid && !this.#stop.signal.aborted; attempt += 1) {
      const sentAt = this.#now();
      try {
        // A database that does not answer must not be waited for beyond the lease.
        const renewed = await Promise.race([this.#options.store.renew(id, this.#ttlMs), this.#lapse()]);
        if (renewed === undefined || !this.valid) return;
        if (renewed) this.#hold(sentAt, 'renewed');
        else this.#lose();
        return;
      } catch (error) {
        this.#options.onError(error);
        await this.#pause(backoffMs(attempt, RETRY));
      }
    }
  }

  async #rejoin(): Promise<void> {
    // A pause of the process ends here before its timers have run.
    this.#lose();
    await this.#losing;
    for (let attempt = 0; !this.#stop.signal.aborted; attempt += 1) {
      try {
        await this.#join();
        return;
      } catch (error) {
        this.#options.onError(error);
        await this.#pause(backoffMs(attempt, RETRY));
      }
    }
  }

  async #join(): Promise<void> {
    const { store, replicaName: name, maxSessions } = this.#options;
    const id = `${name}/${randomUUID()}`;
    const sentAt = this.#now();
    await store.join({ id, name, maxSessions }, this.#ttlMs);
    this.#id = id;
    this.#hold(sentAt, 'joined');
  }

  #hold(sentAt: number, change: 'joined' | 'renewed'): void {
    this.#validUntil = sentAt + this.#ttlMs * USABLE;
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.#lose(), Math.max(0, this.#validUntil - this.#now()));
    if (this.valid) this.#options.onHeld(change);
  }

  #lose(): void {
    if (this.#validUntil === -Infinity) return;
    const id = this.#id;
    this.#end();
    this.#losing = this.#options
      .onLost()
      // Nobody has to wait for it to run out; the database may be away, which is why it was lost.
      .then(() => void this.#options.store.leave(id).catch(() => undefined))
      .finally(() => {
        this.#losing = undefined;
      });
  }

  #end(): void {
    clearTimeout(this.#deadline);
    this.#validUntil = -Infinity;
  }

  /** Resolves when the lease is over. */
  async #lapse(): Promise<undefined> {
    await this.#pause(Math.max(0, this.#validUntil - this.#now()));
    return undefined;
  }

  /** `false` when the lease is to be left. */
  async #pause(ms: number): Promise<boolean> {
    try {
      await sleep(ms, undefined, { signal: this.#stop.signal });
      return true;
    } catch {
      return false;
    }
  }
}
