import { describe, expect, test } from 'vitest';
import {
  addHistograms,
  agreeWithinABucket,
  countOf,
  histogramBetween,
  meanMsOf,
  parseExposition,
  quantileMs,
  readHistogram,
  sumOf,
} from './exposition.ts';

const TEXT = `# HELP t_seconds time
# TYPE t_seconds histogram
t_seconds_bucket{le="0.001",kind="a"} 50 # {trace_id="0af",span_id="b7"} 0.0007 1764870000.123
t_seconds_bucket{le="0.01",kind="a"} 99
t_seconds_bucket{le="+Inf",kind="a"} 100
t_seconds_sum{kind="a"} 0.4
t_seconds_count{kind="a"} 100
t_seconds_bucket{le="0.001",kind="b"} 10
t_seconds_bucket{le="0.01",kind="b"} 10
t_seconds_bucket{le="+Inf",kind="b"} 10
t_seconds_sum{kind="b"} 0.001
n_total{why="it said \\"no\\", {twice}"} 3
n_total{why="other"} 4
up 1
# EOF
`;
const SAMPLES = parseExposition(TEXT);

describe('an exposition', () => {
  test('is read without its comments and exemplars', () => {
    expect(SAMPLES.find(({ labels }) => labels['le'] === '0.001')?.value).toBe(50);
    expect(SAMPLES.find(({ name }) => name === 'up')).toEqual({ name: 'up', labels: {}, value: 1 });
    expect(sumOf(SAMPLES, 'n_total')).toBe(7);
    expect(sumOf(SAMPLES, 'n_total', { why: 'other' })).toBe(4);
    expect(sumOf(SAMPLES, 'absent')).toBe(0);
  });

  test('gives a histogram over the series with the labels that are asked for', () => {
    const only = readHistogram(SAMPLES, 't_seconds', { kind: 'a' });
    expect(only).toEqual({ boundsS: [0.001, 0.01, Infinity], cumulative: [50, 99, 100], sumS: 0.4 });
    expect(readHistogram(SAMPLES, 't_seconds')?.cumulative).toEqual([60, 109, 110]);
    expect(readHistogram(SAMPLES, 't_seconds', { kind: 'c' })).toBeUndefined();
  });
});

describe('a histogram of buckets', () => {
  const histogram = { boundsS: [0.001, 0.01, Infinity], cumulative: [50, 99, 100], sumS: 0.4 };

  test('estimates quantiles as histogram_quantile does', () => {
    expect(quantileMs(histogram, 0.5)).toBeCloseTo(1);
    expect(quantileMs(histogram, 0.25)).toBeCloseTo(0.5);
    expect(quantileMs(histogram, 0.745)).toBeCloseTo(5.5);
  });

  test('says the highest bound when the quantile is beyond it', () => {
    expect(quantileMs(histogram, 0.999)).toBe(10);
  });

  test('says 0 when nothing was observed', () => {
    const empty = { ...histogram, cumulative: [0, 0, 0], sumS: 0 };
    expect([quantileMs(empty, 0.99), meanMsOf(empty), countOf(empty)]).toEqual([0, 0, 0]);
  });

  test('counts only what came between two scrapes, also from a series that is new', () => {
    const later = { ...histogram, cumulative: [60, 110, 112], sumS: 0.5 };
    expect(histogramBetween(histogram, later)?.cumulative).toEqual([10, 11, 12]);
    expect(histogramBetween(undefined, later)?.cumulative).toEqual([60, 110, 112]);
    expect(histogramBetween(histogram, undefined)).toBeUndefined();
  });

  test('adds up over replicas', () => {
    expect(addHistograms([histogram, histogram])?.cumulative).toEqual([100, 198, 200]);
    expect(addHistograms([])).toBeUndefined();
  });

  test('agrees with durations in the same and the next bucket, and with no other', () => {
    expect(agreeWithinABucket(histogram, 0.2, 0.9)).toBe(true);
    expect(agreeWithinABucket(histogram, 0.9, 1.1)).toBe(true);
    expect(agreeWithinABucket(histogram, 0.9, 11)).toBe(false);
  });
});
