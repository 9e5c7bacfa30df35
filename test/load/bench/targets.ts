import { isLate } from '../verdict.ts';
import { FIGURES, medianOf, ratioOf, valuesOf, type CellsByColumn } from './cell.ts';
import {
  AT_2000,
  FEW_COMPANIES,
  FULL,
  MANY_COMPANIES,
  SCENARIOS,
  TENTH,
  type Column,
  type Scenario,
} from './scenarios.ts';
import { isCalm, medianRatio } from './statistics.ts';

/** Repetitions below which a comparison is void. */
export const NEEDED_REPETITIONS = 6;
/** A gateway less busy than this was not what limited the rate. */
const BUSY_PERCENT = 85;

export type Cells = ReadonlyMap<Scenario, CellsByColumn>;

export interface TargetVerdict {
  readonly name: string;
  readonly limit: string;
  /** As the limit is given; `undefined` when it was not measured. */
  readonly measured: number | undefined;
  /** `c again` to `c`, of the same figure; `undefined` for counts. */
  readonly control: number | undefined;
  readonly outcome: 'reached' | 'missed' | 'void' | 'skipped';
  /** Why it is void. */
  readonly why: string | undefined;
}

interface Measurement {
  readonly measured: number | undefined;
  readonly controls: readonly number[];
  /** What besides the controls takes the meaning from the figure. */
  readonly flaw?: string | undefined;
}

interface Target {
  readonly name: string;
  readonly limit: { readonly atMost: number } | { readonly atLeast: number };
  readonly measure: (cells: Cells) => Measurement;
}

const TARGETS: readonly Target[] = [
  latency('p50 at 2,000/s, tracing off, c*/a', ['c*', 'a'], FIGURES.p50, 1.25),
  latency('p99 at 2,000/s, tracing off, c*/a', ['c*', 'a'], FIGURES.p99, 1.5),
  latency('p99 at 2,000/s, shipped sampler, c/a', ['c', 'a'], FIGURES.p99, 2),
  latency('p50 at 2,000/s, shipped sampler, c/b', ['c', 'b'], FIGURES.p50, 1.5),
  cpu('CPU per event, every company online, c/b', FULL, 0.8),
  cpu('CPU per event, 10 % online, c/b', TENTH, 0.45),
  { name: 'events/s of one process, every company online, c', limit: { atLeast: 40_000 }, measure: measureRate },
  { name: 'CPU per event, 100,000 companies to 100, c', limit: { atMost: 1.2 }, measure: measureGrowth },
];

/** What became of each target. */
export function judgeTargets(cells: Cells): readonly TargetVerdict[] {
  return TARGETS.map(({ name, limit, measure }) => {
    const { measured, controls, flaw } = measure(cells);
    const text = 'atMost' in limit ? `≤ ${limit.atMost}` : `≥ ${limit.atLeast.toLocaleString('en-US')}`;
    const restless = controls.find((control) => !isCalm(control));
    const verdict = { name, limit: text, measured, control: restless ?? controls[0], why: undefined };
    if (measured === undefined) return { ...verdict, outcome: 'skipped' };
    if (restless !== undefined) return { ...verdict, outcome: 'void', why: `its control is ${restless.toFixed(2)}` };
    const holds = 'atMost' in limit ? measured <= limit.atMost : measured >= limit.atLeast;
    if (flaw !== undefined && !(holds && 'atLeast' in limit)) return { ...verdict, outcome: 'void', why: flaw };
    return { ...verdict, outcome: holds ? 'reached' : 'missed' };
  });
}

/** Why a comparison says nothing; empty when it does. */
export function voidReasonsOf(cells: Cells, targets: readonly TargetVerdict[]): readonly string[] {
  const reasons: string[] = [];
  const rounds = Math.min(
    ...[...cells.values()].flatMap((columns) => [...columns.values()].map(({ length }) => length)),
  );
  const repetitions = cells.size < SCENARIOS.length ? 0 : rounds;
  if (repetitions < NEEDED_REPETITIONS)
    reasons.push(`${repetitions} full repetitions, ${NEEDED_REPETITIONS} are needed`);
  const wrong = [...cells.values()]
    .flatMap((columns) => [...columns.keys()].flatMap((column) => valuesOf(columns, column, FIGURES.wrong)))
    .reduce((sum, count) => sum + count, 0);
  if (wrong > 0) reasons.push(`${wrong} deliveries were lost, repeated or misplaced`);
  for (const { name, outcome, why } of targets) if (outcome === 'void') reasons.push(`${name}: ${why ?? ''}`);
  return reasons;
}

function latency(name: string, columns: readonly [Column, Column], figure: string, atMost: number): Target {
  return {
    name,
    limit: { atMost },
    measure: (cells) => {
      const found = cells.get(AT_2000);
      if (!found || columns.some((column) => !found.has(column))) return NOT_MEASURED;
      const late = columns.find((column) =>
        isLate(medianOf(found, column, FIGURES.lag), medianOf(found, column, FIGURES.p99)),
      );
      return {
        measured: ratioOf(found, columns, figure),
        controls: [controlOf(found, figure)],
        flaw: late && `the generator lagged by more than 10 % of the p99 of ${late}`,
      };
    },
  };
}

function cpu(name: string, scenario: Scenario, atMost: number): Target {
  return {
    name,
    limit: { atMost },
    measure: (cells) => {
      const found = cells.get(scenario);
      if (!found?.has('b')) return NOT_MEASURED;
      return { measured: ratioOf(found, ['c', 'b'], FIGURES.cpu), controls: [controlOf(found, FIGURES.cpu)] };
    },
  };
}

function measureRate(cells: Cells): Measurement {
  const found = cells.get(FULL);
  if (!found) return NOT_MEASURED;
  const busy = medianOf(found, 'c', FIGURES.busy);
  return {
    measured: medianOf(found, 'c', FIGURES.rate),
    controls: [controlOf(found, FIGURES.rate)],
    flaw:
      busy < BUSY_PERCENT ? `the gateway was only ${busy.toFixed(0)} % busy: something else was the limit` : undefined,
  };
}

function measureGrowth(cells: Cells): Measurement {
  const few = cells.get(FEW_COMPANIES);
  const many = cells.get(MANY_COMPANIES);
  if (!few || !many) return NOT_MEASURED;
  return {
    measured: medianRatio(valuesOf(many, 'c', FIGURES.cpu), valuesOf(few, 'c', FIGURES.cpu)),
    controls: [few, many].map((found) => controlOf(found, FIGURES.cpu)),
  };
}

const NOT_MEASURED: Measurement = { measured: undefined, controls: [] };

function controlOf(cells: CellsByColumn, figure: string): number {
  return ratioOf(cells, ['c again', 'c'], figure);
}
