import { formatCount, formatTable } from '../report/format.ts';
import { FIGURES, ratioOf, valuesOf, type CellsByColumn } from './cell.ts';
import type { ComparisonResult } from './comparison.ts';
import type { Column, Scenario } from './scenarios.ts';
import { isCalm, median, spread } from './statistics.ts';
import { judgeTargets, voidReasonsOf, type TargetVerdict } from './targets.ts';

const LEGEND = `a        the floor: core publish → NATS → a callback that sends the body as it is over raw ws. No Socket.IO
b        the replaced design: PUBLISH on one Redis channel → JSON.parse → one Socket.IO emit to the room
c        this system as shipped: validation, deduplication, metrics, logs, 1 % of the traces exported by OTLP.
         Latency: published confirmed, stored in the stream. Saturation: published plainly, and beside the stream, whose
         files take nats-server longer than the event takes the gateway; "of the stream" is with it
c*       the same process as c, with no trace sampled
c again  the control: c measured twice; outside of 0.9 to 1.1 the row is restless and compares nothing

Every variant: the same event of the same companies in the same order, 500 browsers of which 25 must hear nothing, one
gateway process. The browsers of b and c speak Socket.IO's packets over bare WebSockets; a latency ends with the first
packet of an event, and all of them are counted. CPU: the gateway's process with all its threads, by the kernel's clock;
what the kernel does for the receiver while the gateway writes to a loopback socket is in it, for each packet.
Each cell: median of the repetitions (two of 2,000/s in each) ± half their spread. Ratios: median of the ratios within a repetition.`;

/** What a comparison came to. */
export interface ComparisonVerdict {
  readonly targets: readonly TargetVerdict[];
  /** Why it says nothing; empty when it does. */
  readonly voidReasons: readonly string[];
}

export function judgeComparison({ cells }: ComparisonResult): ComparisonVerdict {
  const targets = judgeTargets(cells);
  return { targets, voidReasons: voidReasonsOf(cells, targets) };
}

/** The result as tables, one a scenario, then the targets. */
export function renderComparisonResult(result: ComparisonResult, verdict: ComparisonVerdict): string {
  const tables = [...result.cells].map(([scenario, columns]) => renderScenario(scenario, columns));
  return [...tables, LEGEND, ...result.notes, renderTargets(verdict)].join('\n\n');
}

/** The targets as a table, and why they say nothing, if so. */
export function renderTargets({ targets, voidReasons }: ComparisonVerdict): string {
  const rows = targets.map(({ name, limit, measured, control, outcome }) => [
    name,
    limit,
    measured === undefined ? '–' : measured < 100 ? measured.toFixed(2) : formatCount(measured),
    control === undefined ? '–' : control.toFixed(2),
    outcome,
  ]);
  const table = formatTable([['target', 'limit', 'measured', 'control', ''], ...rows]);
  return voidReasons.length === 0 ? table : `${table}\n\nVOID: ${voidReasons.join('; ')}`;
}

const RATIOS: readonly (readonly [Column, Column])[] = [
  ['c', 'a'],
  ['c*', 'a'],
  ['c', 'b'],
  ['c again', 'c'],
];
/** Not the system's, or no measure of it. */
const NOT_COMPARED: ReadonlySet<string> = new Set([FIGURES.lag, FIGURES.busy, FIGURES.wrong]);

function renderScenario({ title }: Scenario, columns: CellsByColumn): string {
  const names = [...columns.keys()];
  const figures = Object.keys([...columns.values()][0]?.[0] ?? {});
  const ratios = RATIOS.filter((pair) => pair.every((column) => names.includes(column)));
  const rows = figures.map((figure) => {
    const compared = ratios.length > 0 && !NOT_COMPARED.has(figure);
    const restless = compared && !isCalm(ratioOf(columns, ['c again', 'c'], figure));
    return [
      figure,
      ...names.map((column) => shown(valuesOf(columns, column, figure), figure)),
      ...ratios.map((pair) => (compared ? ratioOf(columns, pair, figure).toFixed(2) : '')),
      restless ? 'restless' : '',
    ];
  });
  const head = ['', ...names, ...ratios.map(([over, under]) => `${over}/${under}`), ''];
  return `${title}\n${formatTable([head, ...rows])}`;
}

/** The median with half the spread. */
export function shown(values: readonly number[], figure: string): string {
  if (figure === FIGURES.wrong) return String(values.reduce((sum, value) => sum + value, 0));
  const middle = median(values);
  const digits = middle < 100 ? 1 : 0;
  return `${middle.toFixed(digits)} ±${((spread(values) / 2) * 100).toFixed(0)}%`;
}

/** The same as JSON, for later comparisons. */
export function toJson({ cells, notes }: ComparisonResult, verdict: ComparisonVerdict): object {
  return {
    ...verdict,
    notes,
    scenarios: [...cells].map(([scenario, columns]) => ({ ...scenario, columns: Object.fromEntries(columns) })),
  };
}
