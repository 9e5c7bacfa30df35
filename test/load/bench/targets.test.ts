import { describe, expect, test } from 'vitest';
import { FIGURES, type Cell } from './cell.ts';
import { renderComparisonResult } from './comparison-text.ts';
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
import { judgeTargets, NEEDED_REPETITIONS, voidReasonsOf, type Cells } from './targets.ts';

type Change = (
  cell: Cell,
  at: { readonly scenario: Scenario; readonly column: Column; readonly round: number },
) => Cell;

/** A run in which every target is reached, but for what a test changes. */
function cellsOf(change: Change = (cell) => cell, { repetitions = NEEDED_REPETITIONS, without = '' } = {}): Cells {
  return new Map(
    SCENARIOS.map((scenario) => {
      const columns = scenario.columns.filter((column) => column !== without);
      const rounds = Array.from({ length: repetitions }, (_, round) => round);
      return [
        scenario,
        new Map(
          columns.map((column) => [column, rounds.map((round) => change(good(column), { scenario, column, round }))]),
        ),
      ];
    }),
  );
}

function good(column: Column): Cell {
  const figures = { [FIGURES.p50]: 300, [FIGURES.p99]: 900, [FIGURES.lag]: 50, [FIGURES.wrong]: 0 };
  const ownCpu = { a: 8, b: 30, c: 10, 'c*': 10, 'c again': 10 };
  return { ...figures, [FIGURES.cpu]: ownCpu[column], [FIGURES.rate]: 50_000, [FIGURES.busy]: 98 };
}

function outcomes(cells: Cells): Readonly<Record<string, string>> {
  return Object.fromEntries(judgeTargets(cells).map(({ name, outcome }) => [name, outcome]));
}

function reasons(cells: Cells): readonly string[] {
  return voidReasonsOf(cells, judgeTargets(cells));
}

const TIMES =
  (figure: string, factor: number, where: (at: { scenario: Scenario; column: Column }) => boolean): Change =>
  (cell, at) =>
    where(at) ? { ...cell, [figure]: (cell[figure] ?? 0) * factor } : cell;

describe('the targets of a comparison', () => {
  test('are reached, and the run is not void, when everything holds', () => {
    expect(new Set(Object.values(outcomes(cellsOf())))).toEqual(new Set(['reached']));
    expect(reasons(cellsOf())).toEqual([]);
  });

  test.each([
    { name: 'p50 at 2,000/s, tracing off, c*/a', scenario: AT_2000, figure: FIGURES.p50, of: 'c*', factor: 1.3 },
    { name: 'p99 at 2,000/s, tracing off, c*/a', scenario: AT_2000, figure: FIGURES.p99, of: 'c*', factor: 1.6 },
    { name: 'p99 at 2,000/s, shipped sampler, c/a', scenario: AT_2000, figure: FIGURES.p99, of: 'c', factor: 2.1 },
    { name: 'p50 at 2,000/s, shipped sampler, c/b', scenario: AT_2000, figure: FIGURES.p50, of: 'c', factor: 1.6 },
    { name: 'CPU per event, every company online, c/b', scenario: FULL, figure: FIGURES.cpu, of: 'c', factor: 2.5 },
    { name: 'CPU per event, 10 % online, c/b', scenario: TENTH, figure: FIGURES.cpu, of: 'c', factor: 1.5 },
    {
      name: 'events/s of one process, every company online, c',
      scenario: FULL,
      figure: FIGURES.rate,
      of: 'c',
      factor: 0.7,
    },
    {
      name: 'CPU per event, 100,000 companies to 100, c',
      scenario: MANY_COMPANIES,
      figure: FIGURES.cpu,
      of: 'c',
      factor: 1.3,
    },
  ])('miss $name alone, which voids nothing', ({ name, scenario, figure, of, factor }) => {
    const slow = TIMES(figure, factor, (at) => at.scenario === scenario && at.column.replace(' again', '') === of);
    const missed = Object.entries(outcomes(cellsOf(slow))).filter(([, outcome]) => outcome !== 'reached');
    expect(missed).toEqual([[name, 'missed']]);
    expect(reasons(cellsOf(slow))).toEqual([]);
  });

  test('that need Redis are skipped where there is none', () => {
    const cells = cellsOf(undefined, { without: 'b' });
    expect(Object.entries(outcomes(cells)).filter(([, outcome]) => outcome === 'skipped')).toHaveLength(3);
    expect(reasons(cells)).toEqual([]);
  });
});

describe('a comparison is void', () => {
  test('when the control of a figure differs, and only what reads that figure', () => {
    const cells = cellsOf(TIMES(FIGURES.cpu, 1.2, ({ scenario, column }) => scenario === FULL && column === 'c again'));
    expect(Object.entries(outcomes(cells)).filter(([, outcome]) => outcome === 'void')).toEqual([
      ['CPU per event, every company online, c/b', 'void'],
    ]);
    expect(reasons(cells)).toEqual(['CPU per event, every company online, c/b: its control is 1.20']);
  });

  test.each([FEW_COMPANIES, MANY_COMPANIES])('when the control of either number of companies differs', (restless) => {
    const cells = cellsOf(
      TIMES(FIGURES.cpu, 0.8, ({ scenario, column }) => scenario === restless && column === 'c again'),
    );
    expect(reasons(cells)).toEqual(['CPU per event, 100,000 companies to 100, c: its control is 0.80']);
  });

  test('when one delivery of any variant was lost, repeated or misplaced', () => {
    const cells = cellsOf((cell, { scenario, column, round }) =>
      scenario === TENTH && column === 'a' && round === 3 ? { ...cell, [FIGURES.wrong]: 1 } : cell,
    );
    expect(reasons(cells)).toEqual(['1 deliveries were lost, repeated or misplaced']);
  });

  test('when fewer than the needed repetitions ran, were asked for, or any figure is missing', () => {
    expect(reasons(cellsOf(undefined, { repetitions: 5 }))).toEqual(['5 full repetitions, 6 are needed']);
    const interrupted = new Map([...cellsOf()].slice(0, 2));
    expect(reasons(interrupted)).toEqual(['0 full repetitions, 6 are needed']);
    expect(reasons(new Map())).toEqual(['0 full repetitions, 6 are needed']);
  });

  test('when the generator was later than a tenth of the p99, whatever the ratio says', () => {
    const late = TIMES(FIGURES.lag, 2, ({ scenario, column }) => scenario === AT_2000 && column === 'a');
    expect(Object.values(outcomes(cellsOf(late))).filter((outcome) => outcome === 'void')).toHaveLength(3);
    expect(reasons(cellsOf(late))[0]).toContain('lagged by more than 10 % of the p99 of a');
  });

  test('when the rate was not reached and the gateway was not what limited it', () => {
    const idle = TIMES(FIGURES.busy, 0.5, ({ scenario, column }) => scenario === FULL && column === 'c');
    expect(reasons(cellsOf(idle))).toEqual([]);
    const slow: Change = (cell, at) => idle({ ...cell, [FIGURES.rate]: 30_000 }, at);
    expect(reasons(cellsOf(slow))).toEqual([
      'events/s of one process, every company online, c: the gateway was only 49 % busy: something else was the limit',
    ]);
  });

  test('in one line with every reason, below a line for each target', () => {
    const cells = cellsOf(undefined, { repetitions: 1 });
    const targets = judgeTargets(cells);
    const text = renderComparisonResult({ cells, notes: [] }, { targets, voidReasons: voidReasonsOf(cells, targets) });
    expect(text).toMatch(/\n\nVOID: 1 full repetitions, 6 are needed$/);
    expect(text).toMatch(/CPU per event, 10 % online, c\/b +≤ 0.45 +0.33 +1.00 +reached/);
  });
});
