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

  constructor(options: LivenessOptions) {
    this.#options = options;
    this.#loop = this.#watch();
  }

  /** False after two flushes in a row without an answer. */
  get alive(): boolean {
    return this.#misses < MAX_MISSES;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
  }

  async #watch(): Promise<void> {
    const { bus, instruments, intervalMs } = this.#options;
    while (await sleepUnlessAborted(intervalMs, this.#stopped.signal)) {
      if (!bus.connected) continue;
      const startedMs = performance.now();
      if (await bus.flush(intervalMs)) {
        this.#misses = 0;
        instruments.natsRoundTrip((performance.now() - startedMs) / 1000);
        continue;
      }
      this.#misses += 1;
      if (this.#misses < MAX_MISSES || !bus.connected) continue;
      instruments.natsUnresponsive();
      // Rejects only when the connection has been closed meanwhile.
      await bus.forceReconnect().catch(() => undefined);
    }
  }
}
