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
import { rotated } from './statistics.ts';
import { MODES, type Mode, type TelemetryCells } from './telemetry-verdict.ts';
import { startTraceReceiver } from './trace-receiver.ts';
import type { PublishingMethods } from './traced-publisher.ts';

export interface TelemetryOptions {
  readonly repetitions: number;
  readonly seconds: number;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

const PUBLISHER = join(import.meta.dirname, 'traced-publisher.ts');
const RATE = 1000;
const BROWSERS = 500;
const COMPANIES = 475;
const WARMUP_MS = 1500;
const FIRST_SECONDS = 3;
/** A gateway reads the stream again 5 s after a join. */
const SETTLE_MS = 6500;

/**
 * The cells of each mode, one a repetition. In each repetition each mode has processes of its own, all of them new: two
 * processes that do the same differ by a tenth for as long as they live. `off again` is `off` once more: what is left of that
 * in the medians. An abort ends it early, with what there is.
 */
export async function measureTelemetry(options: TelemetryOptions): Promise<TelemetryCells> {
  await using receiver = await startTraceReceiver();
  const cells = { gateway: new Map<string, Cell[]>(), publisher: new Map<string, Cell[]>() };
  const keep = (half: keyof TelemetryCells, { title }: Mode, cell: Cell) =>
    cells[half].set(title, [...(cells[half].get(title) ?? []), cell]);
  try {
    for (let round = 0; round < options.repetitions; round += 1) {
      await using stack = new AsyncDisposableStack();
      const stands = new Map<Mode, Stand>();
      for (const mode of rotated(MODES, round)) {
        stands.set(mode, stack.use(await Stand.open(mode, receiver.url, options.signal)));
      }
      await sleep(SETTLE_MS);
      for (const stand of stands.values()) {
        options.signal.throwIfAborted();
        await stand.warmUp(options);
      }
      for (const [mode, stand] of stands) {
        const gateway = await stand.measureGateway(options);
        const publisher = await stand.measurePublisher(options);
        options.signal.throwIfAborted();
        keep('gateway', mode, gateway);
        keep('publisher', mode, publisher);
        const said = [gateway, publisher].map((cell) => cell[FIGURES.cpu]?.toFixed(1)).join(' and ');
        options.say(`${round + 1}/${options.repetitions}  ${mode.title}: ${said} µs an event`);
      }
    }
  } catch (error) {
    if (!options.signal.aborted) throw error;
  }
  return cells;
}

/** Both services under one mode of tracing: a gateway with its browsers, and the WhatsApp service's publishing half. */
class Stand implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;
  readonly #mode: Mode;
  readonly #target: Target;
  readonly #crews: { readonly browsers: BrowserCrew; readonly publishers: PublisherCrew };
  readonly #publishing: Remote<PublishingMethods>;

  private constructor(stack: AsyncDisposableStack, { mode, target, crews, publishing }: Parts) {
    this.#stack = stack;
    this.#mode = mode;
    this.#target = target;
    this.#crews = crews;
    this.#publishing = publishing;
  }

  static async open(mode: Mode, receiverUrl: string, signal: AbortSignal): Promise<Stand> {
    await using stack = new AsyncDisposableStack();
    const env = environmentOf(mode, receiverUrl);
    const system = stack.use(await OwnSystem.start({ gateways: 0, whatsapp: false }));
    const port = await system.startGateway('gateway', env);
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
    const publishing = stack.use(new Remote<PublishingMethods>(PUBLISHER, env));
    await browsers.connect(signal, () => undefined);
    // A nats-server of its own: the gateway would have to look at these events too.
    const nats = stack.use(await startNatsServer());
    await publishing.call('open', nats.url);
    return new Stand(stack.move(), { mode, target, crews: { browsers, publishers }, publishing });
  }

  /** The first events run code that is not compiled yet. */
  async warmUp(options: TelemetryOptions): Promise<void> {
    await this.measureGateway({ ...options, seconds: FIRST_SECONDS });
    await this.measurePublisher({ ...options, seconds: FIRST_SECONDS });
  }

  async measureGateway({ seconds, signal }: TelemetryOptions): Promise<Cell> {
    const request = {
      plan: planFor(seconds, this.#mode),
      target: this.#target,
      signal,
      onProgress: () => undefined,
    };
    return toLatencyCell(await measure(this.#crews, request));
  }

  async measurePublisher({ seconds }: TelemetryOptions): Promise<Cell> {
    const events = RATE * seconds;
    const { cpuSeconds, refused } = await this.#publishing.call('run', { events, rate: RATE, companies: COMPANIES });
    return { [FIGURES.cpu]: (cpuSeconds / events) * 1e6, [FIGURES.wrong]: refused };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

interface Parts {
  readonly mode: Mode;
  readonly target: Target;
  readonly crews: { readonly browsers: BrowserCrew; readonly publishers: PublisherCrew };
  readonly publishing: Remote<PublishingMethods>;
}

/** The gateway follows the sender's decision; the WhatsApp service makes it. */
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
