import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backoffMs } from './backoff.ts';

test('the wait doubles up to its cap and jitters over the upper half', () => {
  const low = (attempt: number) => backoffMs(attempt, { baseMs: 100, maxMs: 1000, random: () => 0 });
  const high = (attempt: number) => backoffMs(attempt, { baseMs: 100, maxMs: 1000, random: () => 0.999_999 });
  expect([0, 1, 2, 3, 4, 50].map(low)).toEqual([50, 100, 200, 400, 500, 500]);
  expect(high(0)).toBeCloseTo(100, 2);
  expect(high(1000)).toBeCloseTo(1000, 1);
});

test('no attempt number makes it zero, negative, infinite or longer than the cap', () => {
  fc.assert(
    fc.property(fc.nat(), fc.double({ min: 0, max: 0.999_999, noNaN: true }), (attempt, random) => {
      const wait = backoffMs(attempt, { baseMs: 250, maxMs: 30_000, random: () => random });
      expect(wait).toBeGreaterThanOrEqual(125);
      expect(wait).toBeLessThanOrEqual(30_000);
    }),
  );
});
