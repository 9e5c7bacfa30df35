import { performance } from 'node:perf_hooks';

/**
 * Monotonic ms that all processes of one machine share: libuv reads CLOCK_MONOTONIC (Linux) or its like, whose origin is
 * the machine's. `performance.now` counts from the start of the process.
 */
export function sharedMs(): number {
  const [seconds, nanos] = process.hrtime();
  return seconds * 1000 + nanos / 1e6;
}

/** The moment that a run counts from, by both clocks. */
export interface Origin {
  /** By `sharedMs`. */
  readonly atMs: number;
  /** µs since the epoch. */
  readonly wallUs: number;
}

/** A moment a little ahead, so that every worker hears of it before it comes. */
export function originIn(ms: number): Origin {
  const wallMs = performance.timeOrigin + performance.now();
  return { atMs: sharedMs() + ms, wallUs: Math.round((wallMs + ms) * 1000) };
}

const cell = new Int32Array(new SharedArrayBuffer(4));

/** Blocks the thread with the precision of the kernel, some 0.1 ms; a timer's is 1 ms. */
export function block(ms: number): void {
  Atomics.wait(cell, 0, 0, ms);
}
