import { mergeLatencies, toPercentiles } from '../generator/latencies.ts';
import type { Measured } from '../run.ts';
import { addVerdicts, EMPTY_VERDICT, type Verdict } from '../verdict.ts';
import { median, medianRatio } from './statistics.ts';

/** One measurement; every figure that a scenario has, by name. */
export type Cell = Readonly<Record<string, number>>;

/** The figures that targets and checks read. */
export const FIGURES = {
  p50: 'p50 µs',
  p99: 'p99 µs',
  cpu: 'CPU µs/event',
  lag: 'lag p99 µs',
  rate: 'events/s',
  busy: 'gateway busy %',
  wrong: 'lost, repeated, misplaced',
} as const;

/** The cells of one scenario by column, one a repetition. */
export type CellsByColumn = ReadonlyMap<string, readonly Cell[]>;

/** @param measured of a target that watches the gateway first */
export function toLatencyCell({ browsers, publishers, observation, measuredEvents }: Measured): Cell {
  const { p50Ms, p99Ms } = toPercentiles(mergeLatencies(browsers.map(({ latency }) => latency)));
  const lag = toPercentiles(mergeLatencies(publishers.map((publisher) => publisher.lag)));
  const verdict = browsers.map((each) => each.verdict).reduce(addVerdicts, EMPTY_VERDICT);
  const cpuSeconds = observation.uses[0]?.cpuSeconds ?? 0;
  return {
    [FIGURES.p50]: p50Ms * 1000,
    [FIGURES.p99]: p99Ms * 1000,
    [FIGURES.cpu]: (cpuSeconds / measuredEvents) * 1e6,
    [FIGURES.lag]: lag.p99Ms * 1000,
    [FIGURES.wrong]: wrongOf(verdict),
  };
}

export function wrongOf({ lost, duplicated, outOfOrder, wrongRoom }: Verdict): number {
  return lost + duplicated + outOfOrder + wrongRoom;
}

export function valuesOf(cells: CellsByColumn, column: string, figure: string): readonly number[] {
  return (cells.get(column) ?? []).map((cell) => cell[figure] ?? 0);
}

export function medianOf(cells: CellsByColumn, column: string, figure: string): number {
  return median(valuesOf(cells, column, figure));
}

/** The median of the ratios within a repetition. */
export function ratioOf(cells: CellsByColumn, [over, under]: readonly [string, string], figure: string): number {
  return medianRatio(valuesOf(cells, over, figure), valuesOf(cells, under, figure));
}
