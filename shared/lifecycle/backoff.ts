export interface BackoffOptions {
  readonly baseMs: number;
  readonly maxMs: number;
  /** A number in [0, 1); injected so that tests are arithmetic. */
  readonly random?: () => number;
}

/**
 * The wait before retry number `attempt` (0 for the first) in ms: exponential, capped at `maxMs`, with full jitter over
 * its upper half, so that clients cut off together do not come back together.
 */
export function backoffMs(attempt: number, { baseMs, maxMs, random = Math.random }: BackoffOptions): number {
  const ceiling = Math.min(maxMs, baseMs * 2 ** Math.min(attempt, 30));
  return ceiling / 2 + (random() * ceiling) / 2;
}
