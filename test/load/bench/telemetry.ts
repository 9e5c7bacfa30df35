import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startNatsServer } from '../../harness/nats-server.ts';
import { BrowserCrew } from '../generator/crew.ts';
import { PublisherCrew } from '../generator/publisher-crew.ts';
import { Remote } from '../generator/remote.ts';
import type { PlanOptions } from '../plan.ts';
import { measure } from '../run.ts';
import { OwnSystem } from '../system/own-system.ts';
import type { Target } from '../system/target.ts';
import { FIGURES, toLatencyCell, type Cell } from './cell.ts';
import { rotated, shuffled, trimmedMean } from './statistics.ts';
import { MODES, type Mode, type TelemetryCells } from './telemetry-verdict.ts';
import { startTraceReceiver } from './trace-receiver.ts';
import type { PublishingMethods, PublishingUse } from './traced-publisher.ts';

export interface TelemetryOptions {
  readonly repetitions: number;
  readonly seconds: number;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

const PUBLISHER = join(import.meta.dirname, 'traced-publisher.ts');
const RATE = 1000;
/** What a machine gives a process changes within a second. */
const SLICE_EVENTS = 100;
const BROWSERS = 500;
const COMPANIES = 475;
const WARMUP_MS = 1500;
const FIRST_SECONDS = 3;
/** A gateway reads the stream again 5 s after a join. */
const SETTLE_MS = 6500;

/**
 * The cells of each mode, one a repetition, each of which has new processes. Of gateways each mode has one of its own, and
 * `off again` says by how much two that do the same differ. Of the WhatsApp service one process is under one mode after the
 * other, a tenth of a second each. An abort ends it early, with what there is.
 */
export async function measureTelemetry(options: TelemetryOptions): Promise<TelemetryCells> {
  await using receiver = await startTraceReceiver();
  const cells = { gateway: new Map<string, Cell[]>(), publisher: new Map<string, Cell[]>() };
  const keep = (half: keyof TelemetryCells, { title }: Mode, cell: Cell) =>
    cells[half].set(title, [...(cells[half].get(title) ?? []), cell]);
  try {
    for (let round = 0; round < options.repetitions; round += 1) {
      const gateways = await measureGateways(rotated(MODES, round), receiver.url, options);
      const publisher = await measurePublisher(receiver.url, options);
      for (const mode of MODES) {
        const [gateway, publishing] = [gateways.get(mode), publisher.get(mode)];
        if (!gateway || !publishing) continue;
        keep('gateway', mode, gateway);
        keep('publisher', mode, publishing);
        const said = [gateway, publishing].map((cell) => cell[FIGURES.cpu]?.toFixed(1)).join(' and ');
        options.say(`${round + 1}/${options.repetitions}  ${mode.title}: ${said} µs an event`);
      }
    }
  } catch (error) {
    if (!options.signal.aborted) throw error;
  }
  return cells;
}

async function measureGateways(
  modes: readonly Mode[],
  receiverUrl: string,
  { seconds, signal }: TelemetryOptions,
): Promise<Map<Mode, Cell>> {
  await using stack = new AsyncDisposableStack();
  const stands = new Map<Mode, Stand>();
  for (const mode of modes) stands.set(mode, stack.use(await Stand.open(mode, receiverUrl, signal)));
  await sleep(SETTLE_MS, undefined, { signal });
  // The first events run code that is not compiled yet.
  for (const stand of stands.values()) await stand.measure(FIRST_SECONDS, signal);
  const cells = new Map<Mode, Cell>();
  for (const [mode, stand] of stands) {
    cells.set(mode, await stand.measure(seconds, signal));
    signal.throwIfAborted();
  }
  return cells;
}

async function measurePublisher(receiverUrl: string, { seconds, signal }: TelemetryOptions): Promise<Map<Mode, Cell>> {
  await using nats = await startNatsServer();
  await using publishing = new Remote<PublishingMethods>(PUBLISHER);
  await publishing.call('open', { natsUrl: nats.url, receiverUrl });
  const uses = new Map(MODES.map((mode) => [mode, [] as PublishingUse[]]));
  const slices = (of: number) => (of * RATE) / SLICE_EVENTS;
  for (let slice = 0; slice < slices(FIRST_SECONDS + seconds); slice += 1) {
    // What a mode leaves behind, such as garbage, is paid by the one that follows.
    for (const mode of shuffled(MODES)) {
      signal.throwIfAborted();
      const run = { ratio: mode.ratio, events: SLICE_EVENTS, rate: RATE, companies: COMPANIES };
      const use = await publishing.call('run', run);
      // The first ones run code that is not compiled yet.
      if (slice >= slices(FIRST_SECONDS)) uses.get(mode)?.push(use);
    }
  }
  return new Map([...uses].map(([mode, ofMode]) => [mode, toPublishingCell(ofMode)]));
}

function toPublishingCell(uses: readonly PublishingUse[]): Cell {
  return {
    [FIGURES.cpu]: trimmedMean(uses.map(({ cpuSeconds }) => (cpuSeconds / SLICE_EVENTS) * 1e6)),
    [FIGURES.wrong]: uses.reduce((sum, { refused }) => sum + refused, 0),
  };
}

/** A gateway with its browsers under one mode of tracing. */
class Stand implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;
  readonly #mode: Mode;
  readonly #target: Target;
  readonly #crews: { readonly browsers: BrowserCrew; readonly publishers: PublisherCrew };

  private constructor(stack: AsyncDisposableStack, { mode, target, crews }: Parts) {
    this.#stack = stack;
    this.#mode = mode;
    this.#target = target;
    this.#crews = crews;
  }

  static async open(mode: Mode, receiverUrl: string, signal: AbortSignal): Promise<Stand> {
    await using stack = new AsyncDisposableStack();
    const system = stack.use(await OwnSystem.start({ gateways: 0, whatsapp: false }));
    const port = await system.startGateway('gateway', environmentOf(mode, receiverUrl));
    const target: Target = {
      gatewayUrls: [`http://127.0.0.1:${port}`],
      transport: { kind: 'core', natsUrl: system.nats.url },
      client: 'packets',
      token: system.token,
      metricsUrls: [],
      watched: [{ name: 'gateway', pid: system.pidOf('gateway') }],
    };
    const plan = planFor(1, mode);
    const browsers = stack.use(new BrowserCrew({ target, plan, workers: 1 }));
    const publishers = stack.use(new PublisherCrew(target.transport, plan));
    await browsers.connect(signal, () => undefined);
    return new Stand(stack.move(), { mode, target, crews: { browsers, publishers } });
  }

  async measure(seconds: number, signal: AbortSignal): Promise<Cell> {
    const plan = planFor(seconds, this.#mode);
    return toLatencyCell(
      await measure(this.#crews, { plan, target: this.#target, signal, onProgress: () => undefined }),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

interface Parts {
  readonly mode: Mode;
  readonly target: Target;
  readonly crews: { readonly browsers: BrowserCrew; readonly publishers: PublisherCrew };
}

/** The gateway follows the sender's decision. */
function environmentOf({ ratio }: Mode, receiverUrl: string): Readonly<Record<string, string>> {
  if (ratio === undefined) return { OTEL_SDK_DISABLED: 'true' };
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: receiverUrl,
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: String(ratio),
  };
}

function planFor(seconds: number, { ratio = 0 }: Mode): PlanOptions {
  const shape = { companies: COMPANIES, sockets: BROWSERS, seed: 1 };
  return {
    profile: 'constant',
    rate: RATE,
    durationMs: seconds * 1000,
    warmupMs: WARMUP_MS,
    ...shape,
    traceRatio: ratio,
  };
}
