export interface ClockSources {
  /** Wall clock in ms since the epoch, resolution 1 ms. */
  readonly wallMs: () => number;
  /** Monotonic, in ms with fractions. */
  readonly monotonicMs: () => number;
}

/** How far the monotonic clock may run ahead of the wall clock before that is believed, in ms. */
const MAX_DRIFT_MS = 2;

/**
 * A wall clock with the resolution of the monotonic one, for times that another machine compares with its own.
 * `performance.timeOrigin` alone never learns that the system's clock was corrected, and a service runs for months.
 */
export class WallClock {
  readonly #sources: ClockSources;
  /** When the monotonic clock was 0, by the wall clock. */
  #anchorMs: number;

  constructor(sources?: ClockSources) {
    this.#sources = sources ?? { wallMs: Date.now, monotonicMs: () => performance.now() };
    // The origin of the process is exact from the first reading on.
    this.#anchorMs = sources ? sources.wallMs() - sources.monotonicMs() : performance.timeOrigin;
  }

  /** µs since the epoch. */
  nowMicros(): number {
    const { wallMs, monotonicMs } = this.#sources;
    const before = monotonicMs();
    const wall = wallMs();
    const elapsed = monotonicMs();
    // Cut to whole ms and read first, the wall clock is never ahead: the highest anchor is the most exact one, to a few
    // readings. An anchor that stayed 1 ms behind would make the latency between two processes of one host negative.
    // Only what no pause of the process explains sets it back.
    const isAhead = wall - elapsed > this.#anchorMs;
    if (isAhead || wall - before < this.#anchorMs - MAX_DRIFT_MS) this.#anchorMs = wall - elapsed;
    return Math.round((this.#anchorMs + elapsed) * 1000);
  }
}
