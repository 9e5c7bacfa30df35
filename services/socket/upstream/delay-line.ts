/** Between two deliveries at least, in ms: many items that are due within it are one wake-up. */
const STEP_MS = 10;

/**
 * Hands each item on a fixed time after it was put in, in order. One timer serves them all: when thousands of browsers join
 * within seconds, a timer and a promise for each would be more to collect than everything else of their joins.
 */
export class DelayLine<T> implements Disposable {
  readonly #delayMs: number;
  readonly #take: (item: T) => void;
  readonly #waiting: { readonly item: T; readonly dueMs: number }[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** @param take must not throw. */
  constructor(delayMs: number, take: (item: T) => void) {
    this.#delayMs = delayMs;
    this.#take = take;
  }

  put(item: T): void {
    this.#waiting.push({ item, dueMs: performance.now() + this.#delayMs });
    this.#timer ??= setTimeout(() => this.#handOn(), this.#delayMs);
  }

  /** Whoever still waits is dropped. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#waiting.length = 0;
  }

  #handOn(): void {
    const nowMs = performance.now();
    const notDue = this.#waiting.findIndex(({ dueMs }) => dueMs > nowMs);
    const due = this.#waiting.splice(0, notDue < 0 ? this.#waiting.length : notDue);
    const [next] = this.#waiting;
    this.#timer = next && setTimeout(() => this.#handOn(), Math.max(STEP_MS, next.dueMs - nowMs));
    for (const { item } of due) this.#take(item);
  }
}
