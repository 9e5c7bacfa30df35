export const PROFILES = ['constant', 'ramp', 'spike', 'step'] as const;
export type Profile = (typeof PROFILES)[number];

/** A stretch of time over which the rate goes evenly from one value to another, in events per second. */
export interface Segment {
  readonly durationMs: number;
  readonly fromRate: number;
  readonly toRate: number;
}

/** Steps of the `step` profile; each adds the first rate once more. */
export const STEPS = 8;
const SPIKE_FACTOR = 5;
/** A ramp starts at this share of its top. */
const RAMP_START = 0.1;

/** The measured part of a run. */
export function toSegments(profile: Profile, rate: number, durationMs: number): readonly Segment[] {
  switch (profile) {
    case 'constant':
      return [steady(rate, durationMs)];
    case 'ramp':
      return [{ durationMs, fromRate: rate * RAMP_START, toRate: rate }];
    case 'spike':
      return [
        steady(rate, durationMs * 0.45),
        steady(rate * SPIKE_FACTOR, durationMs * 0.1),
        steady(rate, durationMs * 0.45),
      ];
    case 'step':
      return Array.from({ length: STEPS }, (_, step) => steady(rate * (step + 1), durationMs / STEPS));
  }
}

function steady(rate: number, durationMs: number): Segment {
  return { durationMs, fromRate: rate, toRate: rate };
}

interface Placed extends Segment {
  readonly startMs: number;
  /** Events before it, with the fraction of the next one. */
  readonly before: number;
  readonly events: number;
}

/**
 * When each event is meant to be sent, fixed before the run begins: an open loop. A system that is slow gets its events
 * as early as a quick one, and the wait is in its latency.
 */
export class Schedule {
  readonly count: number;
  readonly durationMs: number;
  readonly #segments: readonly Placed[];

  constructor(segments: readonly Segment[]) {
    let startMs = 0;
    let before = 0;
    this.#segments = segments.map((segment) => {
      const events = (segment.durationMs / 1000) * ((segment.fromRate + segment.toRate) / 2);
      const placed = { ...segment, startMs, before, events };
      startMs += segment.durationMs;
      before += events;
      return placed;
    });
    this.durationMs = startMs;
    // Rounding errors of the sums must not add or cost an event.
    this.count = Math.floor(before + 1e-6);
  }

  /** The intended send time of an event from 0 to `count` - 1, in ms from the start; never falls with the index. */
  timeOf(index: number): number {
    const segment = this.#segments.findLast(({ before }) => before <= index) ?? this.#segments[0];
    if (!segment) throw new RangeError('an empty schedule has no events');
    return segment.startMs + timeWithin(segment, index - segment.before);
  }

  /** The rate that is meant at a time, in events per second; 0 outside of the run. */
  rateAt(ms: number): number {
    const segment = this.#segments.find(({ startMs, durationMs }) => ms >= startMs && ms < startMs + durationMs);
    if (!segment) return 0;
    const share = (ms - segment.startMs) / segment.durationMs;
    return segment.fromRate + (segment.toRate - segment.fromRate) * share;
  }
}

/** Solves `events = from * t + slope / 2 * t²` for t, in ms. */
function timeWithin({ fromRate, toRate, durationMs }: Segment, events: number): number {
  const seconds = durationMs / 1000;
  const slope = (toRate - fromRate) / seconds;
  const t = slope === 0 ? events / fromRate : (Math.sqrt(fromRate ** 2 + 2 * slope * events) - fromRate) / slope;
  return Math.min(durationMs, t * 1000);
}
