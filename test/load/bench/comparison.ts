import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BrowserCrew, toSeats } from '../generator/crew.ts';
import { Remote } from '../generator/remote.ts';
import { readProcessUse } from '../measures/process-use.ts';
import { LoadPlan, type PlanOptions } from '../plan.ts';
import { measure, newEpoch } from '../run.ts';
import { toLatencyCell, type Cell } from './cell.ts';
import type { FloodMethods } from './flood.ts';
import { rotated } from './statistics.ts';
import { startVariants, type Variant, type VariantName } from './variants.ts';

export interface ComparisonOptions {
  readonly repetitions: number;
  /** Measured seconds of each latency cell. */
  readonly seconds: number;
  /** Events of each flood. */
  readonly floodEvents: number;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/** A variant as a column: `c*` is `c` with no sampled trace, `c again` is the control. */
export type Column = VariantName | 'c*' | 'c again';

export interface Scenario {
  readonly title: string;
  readonly kind: 'latency' | 'flood';
  readonly rate: number;
  /** Companies that get events, to each one that has a browser. */
  readonly companiesPerRoom: number;
}

export const SCENARIOS: readonly Scenario[] = [
  { title: 'latency at 100/s, every company online', kind: 'latency', rate: 100, companiesPerRoom: 1 },
  { title: 'latency at 2,000/s, every company online', kind: 'latency', rate: 2000, companiesPerRoom: 1 },
  { title: 'latency at 2,000/s, 10 % online', kind: 'latency', rate: 2000, companiesPerRoom: 10 },
  { title: 'saturation, every company online', kind: 'flood', rate: 1, companiesPerRoom: 1 },
  { title: 'saturation, 10 % online', kind: 'flood', rate: 1, companiesPerRoom: 10 },
];

export type CellsByColumn = ReadonlyMap<Column, readonly Cell[]>;

export interface ComparisonResult {
  readonly notes: readonly string[];
  readonly cells: ReadonlyMap<Scenario, CellsByColumn>;
}

/** Companies with a browser each, and the browsers of companies without events. */
const ROOMS = 475;
const BROWSERS = 500;
/** A gateway reads the stream again 5 s after a join. */
const SETTLE_MS = 6500;
const WARMUP_MS = 1500;
const FLOOD = join(import.meta.dirname, 'flood.ts');

/** Measures the variants in turn, each repetition in another order. */
export async function compareVariants(options: ComparisonOptions): Promise<ComparisonResult> {
  await using variants = await startVariants();
  const cells = new Map<Scenario, Map<Column, Cell[]>>();
  await measureLatencies(variants.all, options, cells);
  await measureFloods(variants.all, options, cells);
  return { notes: variants.notes, cells };
}

type Cells = Map<Scenario, Map<Column, Cell[]>>;

function planFor({ rate, companiesPerRoom }: Scenario, seconds: number, sampled: boolean): PlanOptions {
  return {
    profile: 'constant',
    rate,
    durationMs: seconds * 1000,
    warmupMs: WARMUP_MS,
    companies: ROOMS * companiesPerRoom,
    sockets: BROWSERS,
    seed: 1,
    traceRatio: sampled ? 0.01 : 0,
  };
}

async function measureLatencies(variants: readonly Variant[], options: ComparisonOptions, cells: Cells): Promise<void> {
  const { repetitions, seconds, signal, say } = options;
  await using stack = new AsyncDisposableStack();
  const seated = planFor({ title: '', kind: 'latency', rate: 1, companiesPerRoom: 1 }, 1, true);
  const crews = new Map<VariantName, BrowserCrew>();
  for (const { name, target } of variants) {
    const crew = stack.use(new BrowserCrew({ target, plan: seated, workers: 1 }));
    await crew.connect(signal, () => undefined);
    crews.set(name, crew);
  }
  await sleep(SETTLE_MS);
  for (let round = 0; round < repetitions; round += 1) {
    for (const scenario of SCENARIOS.filter(({ kind }) => kind === 'latency')) {
      for (const column of rotated(columnsOf(variants), round)) {
        signal.throwIfAborted();
        const variant = variantOf(variants, column);
        const crew = crews.get(variant.name);
        if (!crew) continue;
        const plan = planFor(scenario, seconds, column !== 'c*');
        const cell = toLatencyCell(
          await measure(crew, { plan, target: variant.target, signal, onProgress: () => undefined }),
        );
        keep(cells, scenario, { column, cell });
        say(
          `${round + 1}/${repetitions}  ${scenario.title}  ${column}: p50 ${cell['p50 µs']?.toFixed(0)} µs, p99 ${cell['p99 µs']?.toFixed(0)} µs`,
        );
      }
    }
  }
}

async function measureFloods(variants: readonly Variant[], options: ComparisonOptions, cells: Cells): Promise<void> {
  const { repetitions, floodEvents, signal, say } = options;
  await using stack = new AsyncDisposableStack();
  const generators = new Map<VariantName, Remote<FloodMethods>>();
  const seated = new LoadPlan({ ...planFor({ title: '', kind: 'flood', rate: 1, companiesPerRoom: 1 }, 1, true) });
  for (const { name, target, flood } of variants) {
    const generator = stack.use(new Remote<FloodMethods>(FLOOD));
    await generator.call('open', { ...flood, seats: await toSeats(seated, target) });
    generators.set(name, generator);
  }
  await sleep(SETTLE_MS);
  let epoch = newEpoch();
  for (let round = 0; round < repetitions; round += 1) {
    for (const scenario of SCENARIOS.filter(({ kind }) => kind === 'flood')) {
      for (const column of rotated(
        columnsOf(variants).filter((each) => each !== 'c*'),
        round,
      )) {
        signal.throwIfAborted();
        const variant = variantOf(variants, column);
        epoch += 1;
        const cell = await floodOnce(variant, generators.get(variant.name), {
          plan: planFor(scenario, 1, true),
          events: floodEvents,
          epoch,
        });
        keep(cells, scenario, { column, cell });
        say(
          `${round + 1}/${repetitions}  ${scenario.title}  ${column}: ${cell['events/s']?.toFixed(0)}/s, ${cell['CPU µs/event']?.toFixed(1)} µs an event`,
        );
      }
    }
  }
}

async function floodOnce(
  { gatewayPid }: Variant,
  generator: Remote<FloodMethods> | undefined,
  run: { readonly plan: PlanOptions; readonly events: number; readonly epoch: number },
): Promise<Cell> {
  if (!generator) throw new Error('no generator');
  const watched = { name: 'gateway', pid: gatewayPid };
  const before = await readProcessUse(watched);
  const { events, seconds, delivered, expected, misplaced } = await generator.call('run', run);
  const after = await readProcessUse(watched);
  const cpuSeconds = (after?.cpuSeconds ?? 0) - (before?.cpuSeconds ?? 0);
  return {
    'events/s': events / seconds,
    'CPU µs/event': (cpuSeconds / events) * 1e6,
    'gateway busy %': (cpuSeconds / seconds) * 100,
    'lost, repeated, misplaced': Math.abs(expected - delivered) + misplaced,
  };
}

function columnsOf(variants: readonly Variant[]): readonly Column[] {
  return [...variants.map(({ name }) => name), 'c*', 'c again'];
}

function variantOf(variants: readonly Variant[], column: Column): Variant {
  const found = variants.find(({ name }) => name === column.charAt(0));
  if (!found) throw new Error(`no variant ${column}`);
  return found;
}

function keep(cells: Cells, scenario: Scenario, { column, cell }: { column: Column; cell: Cell }): void {
  const columns = cells.get(scenario) ?? new Map<Column, Cell[]>();
  cells.set(scenario, columns);
  columns.set(column, [...(columns.get(column) ?? []), cell]);
}
