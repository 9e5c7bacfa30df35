/** How often a process may come back by itself before its failure is taken for permanent. */
export const MAX_RESTARTS = 5;
export const RESTART_WINDOW_MS = 60_000;

/** Counts restarts in a sliding window; pure, time is an argument in ms. */
export class RestartBudget {
  readonly #restarts: number[] = [];

  /** Takes one restart and answers true, or false when the window holds as many as it may. */
  take(nowMs: number): boolean {
    while ((this.#restarts[0] ?? Infinity) <= nowMs - RESTART_WINDOW_MS) this.#restarts.shift();
    if (this.#restarts.length >= MAX_RESTARTS) return false;
    this.#restarts.push(nowMs);
    return true;
  }
}
