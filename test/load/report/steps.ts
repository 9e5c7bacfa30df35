import { mergeLatencies, toPercentiles } from '../generator/latencies.ts';
import type { PlanOptions } from '../plan.ts';
import { STEPS } from '../schedule.ts';
import { isLate } from '../verdict.ts';
import { formatCount, formatMs } from './format.ts';
import type { SecondRow, StepRow } from './report.ts';

/** The steps of equal length; seconds that belong to two of them are left out. */
export function toSteps(
  { rate, durationMs, warmupMs }: PlanOptions,
  seconds: readonly SecondRow[],
  lagPerSecond: readonly (readonly string[])[],
): readonly StepRow[] {
  const stepMs = durationMs / STEPS;
  return Array.from({ length: STEPS }, (_, step) => {
    const fromMs = warmupMs + step * stepMs;
    const inside = seconds.filter(({ second }) => second * 1000 >= fromMs && (second + 1) * 1000 <= fromMs + stepMs);
    const timed = inside.filter((row) => row.p99Ms !== undefined);
    const sum = (of: (row: SecondRow) => number) => inside.reduce((total, row) => total + of(row), 0);
    const offered = sum((row) => row.offered);
    const lags = inside.map(({ second }) => mergeLatencies(lagPerSecond.map((each) => each[second] ?? '')));
    return {
      rate: rate * (step + 1),
      p50Ms: median(timed.map(({ p50Ms = 0 }) => p50Ms)),
      p99Ms: median(timed.map(({ p99Ms = 0 }) => p99Ms)),
      keptUp: offered === 0 ? 0 : sum(({ delivered }) => delivered) / offered,
      lagP99Ms: median(lags.map((lag) => toPercentiles(lag).p99Ms)),
    };
  });
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

/** Beyond the knee arrivals fall behind what is offered, or the wait grows beyond ten times that of the first step. */
export function kneeOf(steps: readonly StepRow[]): number | undefined {
  return steps[firstBeyond(steps) - 1]?.rate;
}

function firstBeyond(steps: readonly StepRow[]): number {
  const [first] = steps;
  const beyond = steps.findIndex(({ keptUp, p50Ms }) => keptUp < 0.98 || p50Ms > 10 * (first?.p50Ms ?? 0));
  return beyond < 0 ? steps.length : beyond;
}

/**
 * Why the knee is not known: the generator was late where the system still kept up. Behind the knee it may be late: the
 * machine is full.
 */
export function stepVoidReasons(steps: readonly StepRow[]): readonly string[] {
  const late = steps.slice(0, Math.max(1, firstBeyond(steps))).find(({ lagP99Ms, p99Ms }) => isLate(lagP99Ms, p99Ms));
  if (!late) return [];
  const { rate, lagP99Ms, p99Ms } = late;
  return [
    `the generator itself lagged at ${formatCount(rate)} events/s: p99 ${formatMs(lagP99Ms)}, more than 10 % of the reported p99 of ${formatMs(p99Ms)}`,
  ];
}
