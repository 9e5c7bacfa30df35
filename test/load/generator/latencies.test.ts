import { describe, expect, test } from 'vitest';
import {
  encode,
  latencyHistogram,
  LatencySeries,
  mergeLatencies,
  percentileCurve,
  recordMs,
  toPercentiles,
} from './latencies.ts';

function histogramOf(values: readonly number[]) {
  const histogram = latencyHistogram();
  for (const ms of values) recordMs(histogram, ms);
  return histogram;
}

describe('latencies', () => {
  test('keep three digits', () => {
    const { p50Ms, maxMs, count } = toPercentiles(histogramOf([1, 2, 3]));
    expect(count).toBe(3);
    expect(p50Ms).toBeCloseTo(2, 2);
    expect(maxMs).toBeCloseTo(3, 2);
  });

  test('of several processes merge into those of all events', () => {
    const merged = mergeLatencies([encode(histogramOf([1, 1, 1])), encode(histogramOf([])), encode(histogramOf([9]))]);
    expect(toPercentiles(merged)).toMatchObject({ count: 4 });
    expect(toPercentiles(merged).maxMs).toBeCloseTo(9, 1);
  });

  test('of nothing are 0 and have no curve', () => {
    const merged = mergeLatencies([]);
    expect(toPercentiles(merged)).toEqual({ count: 0, meanMs: 0, p50Ms: 0, p90Ms: 0, p99Ms: 0, p999Ms: 0, maxMs: 0 });
    expect(percentileCurve(merged)).toEqual([]);
  });

  test('below zero and beyond an hour are kept at the ends instead of failing the run', () => {
    const { count, maxMs } = toPercentiles(histogramOf([-5, 1e12]));
    expect(count).toBe(2);
    expect(maxMs).toBeGreaterThan(3.5e6);
  });

  test('make a curve that never falls', () => {
    const curve = percentileCurve(histogramOf(Array.from({ length: 1000 }, (_, index) => index)));
    expect(curve.every(({ ms }, index) => ms >= (curve[index - 1]?.ms ?? 0))).toBe(true);
    expect(curve.at(-1)?.percentile).toBeGreaterThan(99.9);
  });

  test('stand at the second in which the event was meant to be sent', () => {
    const series = new LatencySeries();
    series.record(2, 7);
    const [first, , third] = series.encode();
    expect(first).toBe('');
    expect(toPercentiles(mergeLatencies([third ?? ''])).maxMs).toBeCloseTo(7, 0);
  });
});
