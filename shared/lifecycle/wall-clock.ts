export interface ClockSources {
  /** Wall clock in ms since the epoch, resolution 1 ms. */
  readonly wallMs: () => number;
  /** Monotonic, in ms with fractions. */
  readonly monotonicMs: () => number;
}

/** How far the two sources may drift apart before the wall clock is believed again. */
const MAX_DRIFT_MS = 2;

/**
 * A wall clock with the resolution of the monotonic one, for times that another machine compares with its own.
 * `performance.timeOrigin` alone never learns that the system's clock was corrected, and a service runs for months.
 */
export class WallClock {
  readonly #sources: ClockSources;
  #anchorMs: number;

  constructor(sources?: ClockSources) {
    this.#sources = sources ?? { wallMs: Date.now, monotonicMs: () => performance.now() };
    // The wall clock is cut to whole ms, so an anchor taken from it is up to 1 ms behind: more than a message takes
    // between two processes of one host, whose latency would come out negative. The origin of the process is exact.
    this.#anchorMs = sources ? sources.wallMs() - sources.monotonicMs() : performance.timeOrigin;
  }

  /** µs since the epoch. */
  nowMicros(): number {
    const { wallMs, monotonicMs } = this.#sources;
    const wall = wallMs();
    const elapsed = monotonicMs();
    if (Math.abs(this.#anchorMs + elapsed - wall) > MAX_DRIFT_MS) this.#anchorMs = wall - elapsed;
    return Math.round((this.#anchorMs + elapsed) * 1000);
  }
}
