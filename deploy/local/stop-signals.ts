const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** npm passes on the Ctrl-C that the terminal has already sent to the whole foreground: one key press arrives twice. */
const ECHO_MS = 500;

/** Counts the requests to stop until disposed of: the first asks, the second insists. */
export class StopSignals implements Disposable {
  readonly #first = Promise.withResolvers<void>();
  readonly #second = Promise.withResolvers<void>();
  readonly #onSignal: () => void;
  #count = 0;
  #lastMs = -Infinity;

  /** @param now a monotonic clock in ms */
  constructor(now: () => number = () => performance.now()) {
    this.#onSignal = () => this.#take(now());
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
  }

  get first(): Promise<void> {
    return this.#first.promise;
  }

  get second(): Promise<void> {
    return this.#second.promise;
  }

  get count(): number {
    return this.#count;
  }

  [Symbol.dispose](): void {
    for (const signal of SIGNALS) process.removeListener(signal, this.#onSignal);
  }

  #take(nowMs: number): void {
    const isEcho = nowMs - this.#lastMs < ECHO_MS;
    this.#lastMs = nowMs;
    if (isEcho) return;
    this.#count += 1;
    if (this.#count === 1) this.#first.resolve();
    else this.#second.resolve();
  }
}
