import { WallClock } from '../../shared/lifecycle/wall-clock.ts';

/** The two times that the gateway needs; injected, so that tests say what time it is. */
export interface Clock {
  /** Monotonic, in ms. */
  monotonicMs(): number;
  /** µs since the epoch. */
  wallMicros(): number;
}

export function systemClock(): Clock {
  const wall = new WallClock();
  return { monotonicMs: () => performance.now(), wallMicros: () => wall.nowMicros() };
}
