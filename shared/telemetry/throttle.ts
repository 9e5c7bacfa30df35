/** Lets one call per key through in each period and counts the others: a log of what anybody may cause stays readable. */
export class Throttle {
  readonly #periodMs: number;
  readonly #now: () => number;
  readonly #keys = new Map<string, { untilMs: number; suppressed: number }>();

  /** @param now monotonic, in ms. Keys come from a closed list. */
  constructor(periodMs: number, now: () => number) {
    this.#periodMs = periodMs;
    this.#now = now;
  }

  /** Runs `report` unless it ran for this key within the period; told how many were suppressed since. */
  run(key: string, report: (suppressed: number) => void): void {
    const now = this.#now();
    const state = this.#keys.get(key);
    if (state && now < state.untilMs) {
      state.suppressed += 1;
      return;
    }
    this.#keys.set(key, { untilMs: now + this.#periodMs, suppressed: 0 });
    report(state?.suppressed ?? 0);
  }
}
