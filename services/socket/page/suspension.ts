/** Beyond timer throttling's jitter and a clock being slewed; below the shortest life of a QR. */
const TOLERANCE_MS = 5_000;

/**
 * Tells whether the machine slept: on some systems the monotonic clock stands still meanwhile, so that a QR would look
 * younger than it is. A wall clock set by hand looks the same and costs one reconnect.
 */
export class SuspensionDetector {
  #wallClockMs: number;
  #monotonicMs: number;

  constructor(wallClockMs: number, monotonicMs: number) {
    this.#wallClockMs = wallClockMs;
    this.#monotonicMs = monotonicMs;
  }

  /** True once after each sleep. */
  hasSlept(wallClockMs: number, monotonicMs: number): boolean {
    const driftMs = wallClockMs - this.#wallClockMs - (monotonicMs - this.#monotonicMs);
    this.#wallClockMs = wallClockMs;
    this.#monotonicMs = monotonicMs;
    return driftMs > TOLERANCE_MS;
  }
}
