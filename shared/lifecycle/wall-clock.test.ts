import { expect, test } from 'vitest';
import { WallClock } from './wall-clock.ts';

test('time between two ticks of the wall clock is seen', () => {
  let [wall, monotonic] = [1_764_870_000_000, 500];
  const clock = new WallClock({ wallMs: () => wall, monotonicMs: () => monotonic });
  expect(clock.nowMicros()).toBe(1_764_870_000_000_000);
  monotonic += 0.25;
  expect(clock.nowMicros()).toBe(1_764_870_000_000_250);
  [wall, monotonic] = [wall + 1, monotonic + 0.85];
  expect(clock.nowMicros()).toBe(1_764_870_000_001_100);
});

test('a reading late in a tick is made up for by an early one', () => {
  const start = 1_764_870_000_000;
  let now = start + 0.7;
  const clock = new WallClock({ wallMs: () => Math.floor(now), monotonicMs: () => now - start });
  expect(clock.nowMicros()).toBe(start * 1000);
  now = start + 1.1;
  expect(clock.nowMicros()).toBe((start + 1) * 1000);
  now = start + 2;
  expect(clock.nowMicros()).toBe((start + 2) * 1000);
  now = start + 2.9;
  expect(clock.nowMicros()).toBe((start + 2.9) * 1000);
});

test('a pause of the process between two readings does not set it back', () => {
  let [wall, monotonic, pauseMs] = [1_764_870_000_000, 500, 0];
  const wallMs = () => {
    const read = wall;
    [wall, monotonic] = [wall + pauseMs, monotonic + pauseMs];
    return read;
  };
  const clock = new WallClock({ wallMs, monotonicMs: () => monotonic });
  pauseMs = 50;
  expect(clock.nowMicros()).toBe(1_764_870_000_050_000);
  expect(clock.nowMicros()).toBe(1_764_870_000_100_000);
});

test.each([3_600_000, -3_600_000, 3])('a wall clock corrected by %i ms is followed', (correction) => {
  let [wall, monotonic] = [1_764_870_000_000, 500];
  const clock = new WallClock({ wallMs: () => wall, monotonicMs: () => monotonic });
  [wall, monotonic] = [wall + correction + 10, monotonic + 10];
  expect(clock.nowMicros()).toBe(wall * 1000);
});

test('the real one agrees with the system', () => {
  expect(Math.abs(new WallClock().nowMicros() / 1000 - Date.now())).toBeLessThan(5);
});
