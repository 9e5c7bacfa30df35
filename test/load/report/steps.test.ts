import { describe, expect, test } from 'vitest';
import type { StepRow } from './report.ts';
import { kneeOf, stepVoidReasons } from './steps.ts';

function step(rate: number, change: Partial<StepRow> = {}): StepRow {
  return { rate, p50Ms: 0.4, p99Ms: 2, keptUp: 1, lagP99Ms: 0.1, ...change };
}

describe('the knee', () => {
  test('is the last rate before arrivals fall behind or the wait grows tenfold', () => {
    expect(kneeOf([step(100), step(200), step(300, { keptUp: 0.9 }), step(400)])).toBe(200);
    expect(kneeOf([step(100), step(200, { p50Ms: 4.1 }), step(300)])).toBe(100);
  });

  test('is the last rate of all when every one was kept up with, and none when the first was not', () => {
    expect(kneeOf([step(100), step(200)])).toBe(200);
    expect(kneeOf([step(100, { keptUp: 0.5 }), step(200)])).toBeUndefined();
  });
});

describe('a run of steps is void', () => {
  test('when the generator was late where the system kept up', () => {
    const steps = [step(100), step(200, { lagP99Ms: 0.5 }), step(300, { keptUp: 0.5 })];
    expect(stepVoidReasons(steps)).toEqual([
      'the generator itself lagged at 200 events/s: p99 500 µs, more than 10 % of the reported p99 of 2.00 ms',
    ]);
  });

  test('when the generator was late at a first step that nothing kept up with', () => {
    expect(stepVoidReasons([step(100, { keptUp: 0.5, lagP99Ms: 1 })])).toHaveLength(1);
  });

  test('not because the generator was late behind the knee', () => {
    expect(stepVoidReasons([step(100), step(200, { keptUp: 0.5, lagP99Ms: 1 })])).toEqual([]);
  });

  test('not without steps', () => {
    expect(stepVoidReasons([])).toEqual([]);
  });
});
