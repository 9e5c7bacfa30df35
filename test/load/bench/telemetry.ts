import { setTimeout as sleep } from 'node:timers/promises';
import { BrowserCrew } from '../generator/crew.ts';
import { PublisherCrew } from '../generator/publisher-crew.ts';
import type { PlanOptions } from '../plan.ts';
import { formatTable } from '../report/format.ts';
import { measure } from '../run.ts';
import { OwnSystem } from '../system/own-system.ts';
import type { Target } from '../system/target.ts';
import { FIGURES, medianOf, ratioOf, toLatencyCell, valuesOf, type Cell, type CellsByColumn } from './cell.ts';
import { isCalm, rotated } from './statistics.ts';
import { startTraceReceiver } from './trace-receiver.ts';

export interface TelemetryOptions {
  readonly repetitions: number;
  readonly seconds: number;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

interface Mode {
  readonly title: string;
  /** Of the traces; a gateway follows the publisher's decision. */
  readonly ratio: number;
}

const OFF: readonly Mode[] = [
  { title: 'off', ratio: 0 },
  { title: 'off again', ratio: 0 },
];
const ON: readonly Mode[] = [
  { title: 'ratio 0', ratio: 0 },
  { title: 'ratio 0.01', ratio: 0.01 },
  { title: 'ratio 1', ratio: 1 },
];

const RATE = 1000;
const BROWSERS = 500;
const COMPANIES = 475;
/** A gateway reads the stream again 5 s after a join. */
const SETTLE_MS = 6500;

/** The cells of each mode, one a repetition. `off` is a gateway whose SDK is disabled; the others export by OTLP. */
export async function measureTelemetry(options: TelemetryOptions): Promise<CellsByColumn> {
  await using stack = new AsyncDisposableStack();
  const system = stack.use(await OwnSystem.start({ gateways: 0, whatsapp: false }));
  const receiver = stack.use(await startTraceReceiver());
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url };
  const cells = new Map<string, Cell[]>([...OFF, ...ON].map(({ title }) => [title, []]));
  for (let round = 0; round < options.repetitions; round += 1) {
    const groups = rotated(
      [
        { modes: OFF, env: { OTEL_SDK_DISABLED: 'true' } },
        { modes: ON, env: endpoint },
      ],
      round,
    );
    for (const { modes, env } of groups) await measureGateway(system, { ...options, modes, env, round, cells });
  }
  return cells;
}

interface GatewayRun extends TelemetryOptions {
  readonly modes: readonly Mode[];
  readonly env: Readonly<Record<string, string>>;
  readonly round: number;
  readonly cells: Map<string, Cell[]>;
}

/** A gateway of its own for each group: two would both get every event. */
async function measureGateway(system: OwnSystem, run: GatewayRun): Promise<void> {
  const name = 'gateway';
  const port = await system.startGateway(name, run.env);
  const target: Target = {
    gatewayUrls: [`http://127.0.0.1:${port}`],
    transport: { kind: 'core', natsUrl: system.nats.url },
    client: 'packets',
    token: system.token,
    metricsUrls: [],
    watched: [{ name, pid: system.pidOf(name) }],
  };
  {
    const seated = planFor(1, 0);
    await using browsers = new BrowserCrew({ target, plan: seated, workers: 1 });
    await using publishers = new PublisherCrew(target.transport, seated);
    await browsers.connect(run.signal, () => undefined);
    await sleep(SETTLE_MS);
    for (const { title, ratio } of rotated(run.modes, run.round)) {
      run.signal.throwIfAborted();
      const plan = planFor(run.seconds, ratio);
      const request = { plan, target, signal: run.signal, onProgress: () => undefined };
      const cell = toLatencyCell(await measure({ browsers, publishers }, request));
      run.cells.get(title)?.push(cell);
      run.say(
        `${run.round + 1}/${run.repetitions}  ${title}: ${cell[FIGURES.cpu]?.toFixed(1)} µs an event, p99 ${cell[FIGURES.p99]?.toFixed(0)} µs`,
      );
    }
  }
  await system.stopProcess(name);
}

function planFor(seconds: number, traceRatio: number): PlanOptions {
  const shape = { companies: COMPANIES, sockets: BROWSERS, seed: 1 };
  return { profile: 'constant', rate: RATE, durationMs: seconds * 1000, warmupMs: 1500, ...shape, traceRatio };
}

/** The same gateway measured twice came out differently. */
export function isVoid(cells: CellsByColumn): boolean {
  return !isCalm(ratioOf(cells, ['off again', 'off'], FIGURES.cpu));
}

export function renderTelemetry(cells: CellsByColumn): string {
  const figures = [FIGURES.cpu, FIGURES.p50, FIGURES.p99];
  const rows = [...cells.keys()].map((title) => [
    title,
    ...figures.flatMap((figure) => [
      medianOf(cells, title, figure).toFixed(1),
      ratioOf(cells, [title, 'off'], figure).toFixed(2),
    ]),
    String(valuesOf(cells, title, FIGURES.wrong).reduce((sum, count) => sum + count, 0)),
  ]);
  const head = ['tracing', ...figures.flatMap((figure) => [figure, 'to off']), 'lost or misplaced'];
  const verdict = isVoid(cells)
    ? '\nVOID: the CPU of the control is outside of 0.9 to 1.1, so the table compares nothing\n'
    : '';
  return `gateway, ${RATE} events/s, ${BROWSERS} browsers, core publish, OTLP over HTTP to a receiver on this machine\n\n${formatTable([head, ...rows])}\n${verdict}`;
}
