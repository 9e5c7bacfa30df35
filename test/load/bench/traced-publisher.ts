/**
 * Generator process: the publishing half of the WhatsApp service, with its spans, headers, confirmations, metrics and
 * log lines, at a steady rate and under one mode of tracing after the other.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Instruments } from '../../../services/whatsapp/instruments.ts';
import { EventPublisher } from '../../../services/whatsapp/publisher.ts';
import { initialMachine } from '../../../services/whatsapp/session/machine.ts';
import { ConfirmedPublisher } from '../../../shared/bus/confirmed-publisher.ts';
import { BusConnection } from '../../../shared/bus/connection.ts';
import { ensureStreams } from '../../../shared/bus/streams.ts';
import { WallClock } from '../../../shared/lifecycle/wall-clock.ts';
import { createLogger } from '../../../shared/telemetry/logger.ts';
import { Metrics } from '../../../shared/telemetry/metrics.ts';
import { serve } from '../generator/remote.ts';
import { loadCompany } from '../plan.ts';
import { SwitchedTracing } from './switched-tracing.ts';

export interface PublishingOptions {
  readonly natsUrl: string;
  /** Takes the spans. */
  readonly receiverUrl: string;
}

export interface PublishingRun {
  /** The share of traces that are sampled; `undefined` without the SDK. */
  readonly ratio: number | undefined;
  readonly events: number;
  /** Events a second. */
  readonly rate: number;
  readonly companies: number;
}

export interface PublishingUse {
  readonly cpuSeconds: number;
  /** Events that the stream did not take. */
  readonly refused: number;
}

const TICK_MS = 10;
const STREAMS = { replicas: 1, mayChange: false } as const;
const account = { phoneNumber: '79990000001' };

class Publishing {
  readonly #events: EventPublisher;
  readonly #tracing: SwitchedTracing;
  readonly #clock = new WallClock();
  readonly #epoch = Math.floor(Date.now() / 1000);
  #count = 0;

  constructor(bus: BusConnection, receiverUrl: string) {
    // Every line is made, as in production, and none is kept.
    const logger = createLogger({ name: 'whatsapp', level: 'info', destination: { write: () => undefined } });
    this.#tracing = new SwitchedTracing(receiverUrl, logger);
    this.#events = new EventPublisher({
      publisher: new ConfirmedPublisher(bus, { streams: STREAMS }),
      instruments: new Instruments(logger, new Metrics()),
      source: '/whatsapp/bench',
      clock: this.#clock,
      mayPublish: () => true,
    });
  }

  async run({ ratio, events, rate, companies }: PublishingRun): Promise<PublishingUse> {
    this.#tracing.use(ratio);
    const before = process.cpuUsage();
    const startedMs = performance.now();
    const outcomes: Promise<boolean>[] = [];
    while (outcomes.length < events) {
      const due = Math.min(events, Math.ceil(((performance.now() - startedMs) / 1000) * rate));
      while (outcomes.length < due) outcomes.push(this.#publish(companies));
      await sleep(TICK_MS);
    }
    const stored = await Promise.all(outcomes);
    const { user, system } = process.cpuUsage(before);
    return { cpuSeconds: (user + system) / 1e6, refused: stored.filter((each) => !each).length };
  }

  async #publish(companies: number): Promise<boolean> {
    const position = { epoch: this.#epoch, seq: 1 + Math.floor(this.#count / companies) };
    const companyId = loadCompany(this.#count % companies);
    this.#count += 1;
    const draft = {
      type: 'connected',
      machine: { ...initialMachine(true, account), state: 'connected' },
      occurred: { wallUs: this.#clock.nowMicros(), monotonicMs: performance.now() },
      republished: false,
    } as const;
    const outcome = await this.#events.publish(companyId, position, draft, () => undefined);
    return outcome.kind === 'stored';
  }
}

let publishing: Publishing | undefined;

export const publishingMethods = {
  open: async ({ natsUrl, receiverUrl }: PublishingOptions): Promise<void> => {
    const bus = await BusConnection.connect({ servers: [natsUrl], name: 'bench' });
    await ensureStreams(bus, STREAMS);
    publishing = new Publishing(bus, receiverUrl);
  },
  run: async (run: PublishingRun): Promise<PublishingUse> => {
    if (!publishing) throw new Error('not open');
    return await publishing.run(run);
  },
};
export type PublishingMethods = typeof publishingMethods;

serve(publishingMethods);
