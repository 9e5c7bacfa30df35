import { formatTable } from '../report/format.ts';
import { isLate } from '../verdict.ts';
import { FIGURES, medianOf, ratioOf, valuesOf, type Cell, type CellsByColumn } from './cell.ts';
import { renderTargets, shown, type ComparisonVerdict } from './comparison-text.ts';
import { NEEDED_REPETITIONS, type TargetVerdict } from './targets.ts';

/** What is done with traces; `undefined` for a service without the SDK. */
export interface Mode {
  readonly title: 'off' | 'off again' | 'ratio 0' | 'ratio 0.01' | 'ratio 1';
  readonly ratio: number | undefined;
}

export const MODES: readonly Mode[] = [
  { title: 'off', ratio: undefined },
  { title: 'off again', ratio: undefined },
  { title: 'ratio 0', ratio: 0 },
  { title: 'ratio 0.01', ratio: 0.01 },
  { title: 'ratio 1', ratio: 1 },
];

/** The cells of each mode by its title: of the gateway, and of the WhatsApp service's publishing half. */
export type TelemetryCells = Readonly<Record<'gateway' | 'publisher', CellsByColumn>>;

interface Target {
  readonly name: string;
  readonly of: keyof TelemetryCells | 'event';
  readonly mode: Mode['title'];
  readonly figure: string;
  /** To `off`. */
  readonly atMost: number;
  /** By how much `off again` may differ from `off`: where it is more, the target lies within the noise. */
  readonly tolerance: number;
}

const TARGETS: readonly Target[] = [
  cpuTarget('both services, CPU per event at ratio 0', 'event'),
  cpuTarget('gateway, CPU per event at ratio 0', 'gateway'),
  cpuTarget('WhatsApp service, CPU per event at ratio 0', 'publisher'),
  {
    name: 'gateway, p99 at ratio 0.01',
    of: 'gateway',
    mode: 'ratio 0.01',
    figure: FIGURES.p99,
    atMost: 2,
    tolerance: 0.33,
  },
];

function cpuTarget(name: string, of: Target['of']): Target {
  return { name, of, mode: 'ratio 0', figure: FIGURES.cpu, atMost: 1.05, tolerance: 0.05 };
}

/**
 * What an event costs on its whole way, by repetition: published once, and taken by one gateway. Each further gateway adds
 * the gateway's half.
 */
function wholeWay({ gateway, publisher }: TelemetryCells): CellsByColumn {
  const sums = MODES.map(({ title }) => {
    const published = publisher.get(title) ?? [];
    const cells = (gateway.get(title) ?? []).map((cell, repetition) => ({
      ...sumOf(FIGURES.cpu, cell, published[repetition]),
      ...sumOf(FIGURES.wrong, cell, published[repetition]),
    }));
    return [title, cells] as const;
  });
  return new Map(sums);
}

function sumOf(figure: string, one: Cell, other: Cell | undefined): Cell {
  return { [figure]: (one[figure] ?? 0) + (other?.[figure] ?? 0) };
}

/** What became of each target, and why the run says nothing, if so. */
export function judgeTelemetry(cells: TelemetryCells): ComparisonVerdict {
  const measured = { ...cells, event: wholeWay(cells) };
  const targets = TARGETS.map((target) => judge(target, measured[target.of]));
  const halves = Object.values(cells);
  const repetitions = Math.min(...halves.flatMap((half) => MODES.map(({ title }) => half.get(title)?.length ?? 0)));
  const wrong = halves.reduce((sum, half) => sum + MODES.reduce((all, { title }) => all + wrongOf(half, title), 0), 0);
  const voidReasons = [
    ...(repetitions < NEEDED_REPETITIONS ? [`${repetitions} repetitions, ${NEEDED_REPETITIONS} are needed`] : []),
    ...(wrong > 0 ? [`${wrong} events were lost, repeated, misplaced or refused`] : []),
    ...targets.flatMap(({ name, why }) => (why === undefined ? [] : [`${name}: ${why}`])),
  ];
  return { targets, voidReasons };
}

function judge({ name, mode, figure, atMost, tolerance }: Target, cells: CellsByColumn): TargetVerdict {
  const measured = ratioOf(cells, [mode, 'off'], figure);
  const control = ratioOf(cells, ['off again', 'off'], figure);
  const isRestless = control > 1 + tolerance || control < 1 / (1 + tolerance);
  const why = isRestless
    ? `its control is ${control.toFixed(2)}`
    : figure === FIGURES.p99
      ? lagOf(cells, mode)
      : undefined;
  const outcome = why !== undefined ? 'void' : measured <= atMost ? 'reached' : 'missed';
  return { name, limit: `≤ ${atMost}`, measured, control, outcome, why };
}

function lagOf(cells: CellsByColumn, mode: Mode['title']): string | undefined {
  const late = ['off', mode].find((title) =>
    isLate(medianOf(cells, title, FIGURES.lag), medianOf(cells, title, FIGURES.p99)),
  );
  return late && `the generator lagged by more than 10 % of the p99 of "${late}"`;
}

function wrongOf(cells: CellsByColumn, title: string): number {
  return valuesOf(cells, title, FIGURES.wrong).reduce((sum, count) => sum + count, 0);
}

const LEGEND = `off: without the SDK. off again: the control, the same once more. Ratios: the share of traces that are sampled and sent by
OTLP over HTTP to a receiver on this machine. Gateway: 1,000 events/s for 475 companies with a browser each, a process for
each mode. WhatsApp service: its publishing half, confirmed by the stream, 1,000 connects/s, all modes in one process,
whose exports fall into whatever mode it is in after 5 s or 512 spans.
Each cell: median of the repetitions ± half their spread. "to off": median of the ratios within a repetition.`;

/** The whole way and both halves as tables, then the targets. */
export function renderTelemetry(cells: TelemetryCells, verdict: ComparisonVerdict): string {
  return [
    renderCells('both services', wholeWay(cells), [FIGURES.cpu]),
    renderCells('gateway', cells.gateway, [FIGURES.cpu, FIGURES.p50, FIGURES.p99]),
    renderCells('WhatsApp service', cells.publisher, [FIGURES.cpu]),
    LEGEND,
    renderTargets(verdict),
  ].join('\n\n');
}

function renderCells(name: string, cells: CellsByColumn, figures: readonly string[]): string {
  const rows = MODES.map(({ title }) => [
    title,
    ...figures.flatMap((figure) => [
      shown(valuesOf(cells, title, figure), figure),
      ratioOf(cells, [title, 'off'], figure).toFixed(3),
    ]),
    String(wrongOf(cells, title)),
  ]);
  return formatTable([[name, ...figures.flatMap((figure) => [figure, 'to off']), 'wrong'], ...rows]);
}
