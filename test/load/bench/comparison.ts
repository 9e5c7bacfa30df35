import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BrowserCrew, toSeats } from '../generator/crew.ts';
import { PublisherCrew } from '../generator/publisher-crew.ts';
import { Remote } from '../generator/remote.ts';
import { readProcessUse } from '../measures/process-use.ts';
import { LoadPlan, type PlanOptions } from '../plan.ts';
import { measure, newEpoch, type Crews } from '../run.ts';
import { FIGURES, toLatencyCell, wrongOf, type Cell, type CellsByColumn } from './cell.ts';
import type { FloodMethods } from './flood.ts';
import {
  AT_100,
  AT_2000,
  BROWSERS,
  FULL,
  ROOMS,
  SCENARIOS,
  TENTH,
  type Column,
  type FloodScenario,
  type LatencyScenario,
  type Scenario,
} from './scenarios.ts';
import { rotated } from './statistics.ts';
import { startVariants, type Variant, type VariantName, type Variants } from './variants.ts';

export interface ComparisonOptions {
  readonly repetitions: number;
  /** Measured seconds of each latency cell. */
  readonly seconds: number;
  /** Events of each flood. */
  readonly floodEvents: number;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

export interface ComparisonResult {
  /** Why a variant is missing. */
  readonly notes: readonly string[];
  readonly cells: ReadonlyMap<Scenario, CellsByColumn>;
}

/** A gateway reads the stream again 5 s after a join. */
const SETTLE_MS = 6500;
/** The processes are warm: what is new in a cell is its epoch. */
const WARMUP_MS = 500;
const AFTERMATH_MS = 250;
/** Before the first cell: the publishers meet every company, and the code of each variant is compiled. */
const FIRST_WARMUP_SECONDS = 3;
const FLOOD = join(import.meta.dirname, 'flood.ts');

/** Measures the variants in turn, each repetition in another order. An abort ends it early, with what there is. */
export async function compareVariants(options: ComparisonOptions): Promise<ComparisonResult> {
  await using variants = await startVariants();
  const cells = new Map<Scenario, Map<Column, Cell[]>>();
  try {
    await measureLatencies(variants.all, options, cells);
    await measureFloods(variants, options, cells);
  } catch (error) {
    if (!options.signal.aborted) throw error;
  }
  return { notes: variants.notes, cells };
}

type Cells = Map<Scenario, Map<Column, Cell[]>>;

/** Who has a browser. */
const SEATED: PlanOptions = {
  profile: 'constant',
  rate: 1,
  durationMs: 1000,
  warmupMs: 0,
  companies: ROOMS,
  sockets: BROWSERS,
  seed: 1,
  traceRatio: 0,
};

async function measureLatencies(variants: readonly Variant[], options: ComparisonOptions, cells: Cells): Promise<void> {
  const { repetitions, seconds, signal, say } = options;
  await using stack = new AsyncDisposableStack();
  const crews = new Map<VariantName, Crews>();
  for (const { name, target } of variants) {
    const browsers = stack.use(new BrowserCrew({ target, plan: SEATED, workers: 1 }));
    await browsers.connect(signal, () => undefined);
    crews.set(name, {
      browsers,
      publishers: stack.use(new PublisherCrew(target.transport, { ...SEATED, rate: AT_2000.rate })),
    });
  }
  await sleep(SETTLE_MS);
  const scenarios = SCENARIOS.filter((each) => each.kind === 'latency');
  const measureCell = async (scenario: LatencyScenario, column: Column, cellSeconds: number): Promise<Cell> => {
    const { name, target } = variantOf(variants, column);
    const plan = planFor(scenario, cellSeconds, column !== 'c*');
    const request = { plan, target, signal, aftermathMs: AFTERMATH_MS, onProgress: () => undefined };
    const measured = await measure(of(crews, name), request);
    signal.throwIfAborted();
    return toLatencyCell(measured);
  };
  for (const scenario of scenarios.filter(({ rate }) => rate > AT_100.rate)) {
    for (const { name } of variants) await measureCell(scenario, name, FIRST_WARMUP_SECONDS);
  }
  for (const { round, scenario, column } of turns(scenarios, variants, repetitions)) {
    const cell = await measureCell(scenario, column, seconds);
    keep(cells, scenario, { column, cell });
    const [p50 = 0, p99 = 0] = [cell[FIGURES.p50], cell[FIGURES.p99]];
    say(`${round}/${repetitions}  ${scenario.title}  ${column}: p50 ${p50.toFixed(0)} µs, p99 ${p99.toFixed(0)} µs`);
  }
}

function planFor({ rate, companies }: LatencyScenario, seconds: number, sampled: boolean): PlanOptions {
  const traceRatio = sampled ? 0.01 : 0;
  return { ...SEATED, rate, companies, durationMs: seconds * 1000, warmupMs: WARMUP_MS, traceRatio };
}

async function measureFloods({ all, capture }: Variants, options: ComparisonOptions, cells: Cells): Promise<void> {
  const { repetitions, floodEvents, signal, say } = options;
  await using stack = new AsyncDisposableStack();
  const generators = new Map<VariantName, Remote<FloodMethods>>();
  for (const { name, target, flood } of all) {
    const generator = stack.use(new Remote<FloodMethods>(FLOOD));
    await generator.call('open', { ...flood, seats: await toSeats(new LoadPlan(SEATED), target) });
    generators.set(name, generator);
  }
  await sleep(SETTLE_MS);
  let epoch = newEpoch();
  const floodCell = async (scenario: FloodScenario, column: Column): Promise<Cell> => {
    const variant = variantOf(all, column);
    epoch += 1;
    await capture(scenario.stored);
    return floodOnce(variant, of(generators, variant.name), { scenario, events: floodEvents, epoch });
  };
  const scenarios = SCENARIOS.filter((each) => each.kind === 'flood');
  // So that the code of each variant is compiled.
  for (const { name } of all) for (const scenario of [FULL, TENTH]) await floodCell(scenario, name);
  for (const { round, scenario, column } of turns(scenarios, all, repetitions)) {
    signal.throwIfAborted();
    const cell = await floodCell(scenario, column);
    keep(cells, scenario, { column, cell });
    const [rate = 0, cpu = 0] = [cell[FIGURES.rate], cell[FIGURES.cpu]];
    say(`${round}/${repetitions}  ${scenario.title}  ${column}: ${rate.toFixed(0)}/s, ${cpu.toFixed(1)} µs an event`);
  }
}

async function floodOnce(
  { gatewayPid }: Variant,
  generator: Remote<FloodMethods>,
  { scenario, events, epoch }: { readonly scenario: FloodScenario; readonly events: number; readonly epoch: number },
): Promise<Cell> {
  const watched = { name: 'gateway', pid: gatewayPid };
  await generator.call('prepare', { shape: scenario.shape, events, epoch });
  const before = await readProcessUse(watched);
  const { seconds } = await generator.call('run');
  const after = await readProcessUse(watched);
  const cpuSeconds = (after?.cpuSeconds ?? 0) - (before?.cpuSeconds ?? 0);
  return {
    [FIGURES.rate]: events / seconds,
    [FIGURES.cpu]: (cpuSeconds / events) * 1e6,
    [FIGURES.busy]: (cpuSeconds / seconds) * 100,
    [FIGURES.wrong]: wrongOf(await generator.call('judge')),
  };
}

interface Turn<S extends Scenario> {
  /** From 1. */
  readonly round: number;
  readonly scenario: S;
  readonly column: Column;
}

/** Every column of every scenario in each repetition, in an order that differs from one to the next. */
function* turns<S extends Scenario>(
  scenarios: readonly S[],
  variants: readonly Variant[],
  repetitions: number,
): Generator<Turn<S>> {
  for (let round = 1; round <= repetitions; round += 1) {
    for (const scenario of scenarios) {
      const columns = scenario.columns.filter((column) => variants.some(({ name }) => name === column.charAt(0)));
      for (let turn = 0; turn < scenario.perRepetition; turn += 1) {
        for (const column of rotated(columns, round - 1 + turn)) yield { round, scenario, column };
      }
    }
  }
}

function variantOf(variants: readonly Variant[], column: Column): Variant {
  const found = variants.find(({ name }) => name === column.charAt(0));
  if (!found) throw new Error(`no variant ${column}`);
  return found;
}

function of<T>(all: ReadonlyMap<VariantName, T>, name: VariantName): T {
  const found = all.get(name);
  if (!found) throw new Error(`${name} was not started`);
  return found;
}

function keep(cells: Cells, scenario: Scenario, { column, cell }: { column: Column; cell: Cell }): void {
  const columns = cells.get(scenario) ?? new Map<Column, Cell[]>();
  cells.set(scenario, columns);
  columns.set(column, [...(columns.get(column) ?? []), cell]);
}
