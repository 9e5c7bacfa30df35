import { formatTable } from '../report/format.ts';
import type { Cell } from './cell.ts';
import type { CellsByColumn, Column, ComparisonResult, Scenario } from './comparison.ts';
import { isCalm, median, medianRatio, spread } from './statistics.ts';

const LEGEND = `a        floor: NATS core → raw ws, nothing in between
b        the replaced design: Redis pub/sub on one channel → Socket.IO room emit
c        this system as shipped: confirmed publish (core publish at saturation), deduplication, validation, metrics, 1 % of traces
c*       the same with no trace sampled
c again  the control: c measured twice; outside of 0.9 to 1.1 the row compares nothing

Each cell: median of the repetitions ± half their spread. Ratios: median of the ratios within a repetition.`;

/** The result as tables, one a scenario. */
export function renderComparisonResult({ cells, notes }: ComparisonResult): string {
  const tables = [...cells].map(([scenario, columns]) => renderScenario(scenario, columns));
  return [...tables, LEGEND, ...notes].join('\n\n');
}

function renderScenario({ title }: Scenario, columns: CellsByColumn): string {
  const names = [...columns.keys()];
  const figures = Object.keys(columns.get('c')?.[0] ?? {});
  const ratios = ratiosOf(names);
  const rows = figures.map((figure) => {
    const of = (column: Column) => valuesOf(columns, column, figure);
    const control = medianRatio(of('c again'), of('c'));
    const compares = ratios.map(([over, under]) => medianRatio(of(over), of(under)).toFixed(2));
    const isCount = figure.startsWith('lost');
    return [
      figure,
      ...names.map((column) => shown(of(column), isCount)),
      ...(isCount ? ratios.map(() => '') : compares),
      isCount || isCalm(control) ? '' : 'restless',
    ];
  });
  const head = ['', ...names, ...ratios.map(([over, under]) => `${over}/${under}`), ''];
  return `${title}\n${formatTable([head, ...rows])}`;
}

function ratiosOf(names: readonly Column[]): readonly (readonly [Column, Column])[] {
  const wanted: (readonly [Column, Column])[] = [
    ['c', 'a'],
    ['c*', 'a'],
    ['c', 'b'],
    ['c again', 'c'],
  ];
  return wanted.filter((pair) => pair.every((column) => names.includes(column)));
}

function valuesOf(columns: CellsByColumn, column: Column, figure: string): readonly number[] {
  return (columns.get(column) ?? []).map((cell: Cell) => cell[figure] ?? 0);
}

function shown(values: readonly number[], isCount: boolean): string {
  if (isCount) return String(values.reduce((sum, value) => sum + value, 0));
  const middle = median(values);
  const digits = middle < 100 ? 1 : 0;
  return `${middle.toFixed(digits)} ±${((spread(values) / 2) * 100).toFixed(0)}%`;
}

/** The same as JSON, for later comparisons. */
export function toJson({ cells, notes }: ComparisonResult): object {
  return {
    notes,
    scenarios: [...cells].map(([scenario, columns]) => ({ ...scenario, columns: Object.fromEntries(columns) })),
  };
}
