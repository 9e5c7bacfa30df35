import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PROFILES, Schedule, toSegments } from './schedule.ts';

function timesOf(schedule: Schedule): number[] {
  return Array.from({ length: schedule.count }, (_, event) => schedule.timeOf(event));
}

describe('a schedule', () => {
  test('spaces the events of a constant rate evenly', () => {
    const schedule = new Schedule(toSegments('constant', 4, 1000));
    expect(timesOf(schedule)).toEqual([0, 250, 500, 750]);
  });

  test('offers twice as much in the second half of a ramp from 0 as it does on average before', () => {
    const schedule = new Schedule([{ durationMs: 10_000, fromRate: 0, toRate: 100 }]);
    const times = timesOf(schedule);
    expect(schedule.count).toBe(500);
    // The integral of a ramp: a quarter of the events in its first half.
    expect(times.filter((time) => time < 5000)).toHaveLength(125);
  });

  test('multiplies the rate by five in the middle tenth of a spike', () => {
    const schedule = new Schedule(toSegments('spike', 100, 10_000));
    const times = timesOf(schedule);
    expect(times.filter((time) => time >= 4500 && time < 5500)).toHaveLength(500);
    expect(times.filter((time) => time < 4500)).toHaveLength(450);
    expect(schedule.rateAt(5000)).toBe(500);
  });

  test('adds the first rate once more with each step', () => {
    const schedule = new Schedule(toSegments('step', 10, 8000));
    const times = timesOf(schedule);
    const steps = Array.from(
      { length: 8 },
      (_, step) => times.filter((time) => Math.floor(time / 1000) === step).length,
    );
    expect(steps).toEqual([10, 20, 30, 40, 50, 60, 70, 80]);
  });

  test('has no rate outside of its time', () => {
    const schedule = new Schedule(toSegments('constant', 10, 1000));
    expect([schedule.rateAt(-1), schedule.rateAt(0), schedule.rateAt(1000)]).toEqual([0, 10, 0]);
  });

  test('never sends an event before the one in front of it, nor after its end, whatever the profile', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...PROFILES),
        fc.double({ min: 0.5, max: 500, noNaN: true }),
        fc.integer({ min: 100, max: 5000 }),
        (profile, rate, durationMs) => {
          const schedule = new Schedule(toSegments(profile, rate, durationMs));
          const times = timesOf(schedule);
          const rises = times.every((time, index) => index === 0 || time >= (times[index - 1] ?? 0));
          return rises && (times.at(-1) ?? 0) <= durationMs + 1e-6 && (times[0] ?? 0) >= 0;
        },
      ),
      { numRuns: 100 },
    );
  });

  test('has as many events as its rates make, though sums of fractions are not exact', () => {
    const schedule = new Schedule(Array.from({ length: 10 }, () => ({ durationMs: 100, fromRate: 30, toRate: 30 })));
    expect(schedule.count).toBe(30);
  });
});
