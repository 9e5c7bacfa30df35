import type { BusConnection } from '../../../shared/bus/connection.ts';
import { sleepUnlessAborted } from '../../../shared/lifecycle/abortable-sleep.ts';
import type { SocketInstruments } from '../instruments.ts';

export interface LivenessOptions {
  readonly bus: BusConnection;
  readonly instruments: SocketInstruments;
  /** Between two flushes, and how long one may take, in ms. */
  readonly intervalMs: number;
}

/** Misses after which the link counts as dead: TCP itself notices only after minutes. */
const MAX_MISSES = 2;

/** Asks the NATS server at short intervals whether it is still there, and dials anew when it is not. */
export class Liveness implements AsyncDisposable {
  readonly #options: LivenessOptions;
  readonly #stopped = new AbortController();
  readonly #loop: Promise<void>;
  #misses = 0;
  #lagMs = 0;
  #askedAtMs: number | undefined;

  constructor(options: LivenessOptions) {
    this.#options = options;
    this.#loop = this.#watch();
  }

  /** False after two flushes in a row without an answer. */
  get alive(): boolean {
    return this.#misses < MAX_MISSES;
  }

  /**
   * How far the live feed is behind the server, in ms: the answer to a flush comes after every event that was sent before
   * it. While an answer is awaited at least as long as that takes already.
   */
  get lagMs(): number {
    const waitedMs = this.#askedAtMs === undefined ? 0 : performance.now() - this.#askedAtMs;
    return Math.max(this.#lagMs, waitedMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
  }

  async #watch(): Promise<void> {
    const { bus, instruments, intervalMs } = this.#options;
    while (await sleepUnlessAborted(intervalMs, this.#stopped.signal)) {
      if (!bus.connected) continue;
      if (await this.#ask()) {
        this.#misses = 0;
        instruments.natsRoundTrip(this.#lagMs / 1000);
        continue;
      }
      this.#misses += 1;
      if (this.#misses < MAX_MISSES || !bus.connected) continue;
      instruments.natsUnresponsive();
      // Rejects only when the connection has been closed meanwhile.
      await bus.forceReconnect().catch(() => undefined);
    }
  }

  async #ask(): Promise<boolean> {
    const { bus, intervalMs } = this.#options;
    this.#askedAtMs = performance.now();
    const answered = await bus.flush(intervalMs);
    this.#lagMs = performance.now() - this.#askedAtMs;
    this.#askedAtMs = undefined;
    return answered;
  }
}
