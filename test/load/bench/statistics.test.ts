import { describe, expect, test } from 'vitest';
import { isCalm, median, medianRatio, rotated, shuffled, spread, trimmedMean } from './statistics.ts';

describe('the statistics of a benchmark', () => {
  test('take the middle value, which one bad repetition does not move', () => {
    expect(median([3, 1, 900])).toBe(3);
    expect(median([1, 2, 3, 900])).toBe(2.5);
    expect(median([])).toBe(0);
  });

  test('take the mean of what is neither among the highest nor the lowest tenth', () => {
    expect(trimmedMean([9, 1, 2, 3, 4, 5, 6, 7, 8, 900])).toBe(5.5);
    expect(trimmedMean([1, 2, 6])).toBe(3);
    expect(trimmedMean([])).toBe(0);
  });

  test('say how far repetitions lie apart', () => {
    expect(spread([9, 10, 12])).toBeCloseTo(0.3);
    expect(spread([10])).toBe(0);
    expect(spread([0, 0])).toBe(0);
  });

  test('compare what was measured beside each other, so that a machine that grows slower does not matter', () => {
    expect(medianRatio([2, 4, 8], [1, 2, 4])).toBe(2);
    expect(median([2, 4, 8]) / median([1, 2, 4])).toBe(2);
    expect(medianRatio([2, 400, 8], [1, 2, 4])).toBe(2);
  });

  test('leave out a pair that has nothing to divide by', () => {
    expect(medianRatio([2, 4], [0, 2])).toBe(2);
    expect(medianRatio([2], [])).toBe(0);
  });

  test('call a control outside of 0.9 to 1.1 restless', () => {
    expect([0.89, 0.9, 1, 1.1, 1.11].map(isCalm)).toEqual([false, true, true, true, false]);
  });

  test('let every mode follow every other one equally often', () => {
    const modes = ['a', 'b', 'c'];
    const rounds = Array.from({ length: 6_000 }, () => shuffled(modes));
    expect(rounds.every((round) => round.toSorted().join('') === 'abc')).toBe(true);
    const orders = Map.groupBy(rounds, (round) => round.join(''));
    for (const { length } of orders.values()) expect(Math.abs(length - 1_000)).toBeLessThan(250);
    expect(orders.size).toBe(6);
  });

  test('let every variant come first in its turn', () => {
    const rounds = [0, 1, 2].map((round) => rotated(['a', 'b', 'c'], round));
    expect(rounds.map(([first]) => first)).toEqual(['a', 'b', 'c']);
    expect(rotated(['a', 'b', 'c'], 3)).toEqual(['c', 'b', 'a']);
    expect(rotated([], 3)).toEqual([]);
  });
});
