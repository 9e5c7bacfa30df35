/**
 * Generator process: the publishing half of the WhatsApp service, with its spans, headers, confirmations, metrics and
 * log lines, at a steady rate. Tracing is as `OTEL_*` says.
 */
import '../../../shared/telemetry/preload.ts';
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

export interface PublishingRun {
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
  readonly #clock = new WallClock();
  readonly #epoch = Math.floor(Date.now() / 1000);
  #count = 0;

  constructor(bus: BusConnection) {
    // Every line is made, as in production, and none is kept.
    const logger = createLogger({ name: 'whatsapp', level: 'info', destination: { write: () => undefined } });
    this.#events = new EventPublisher({
      publisher: new ConfirmedPublisher(bus, { streams: STREAMS }),
      instruments: new Instruments(logger, new Metrics()),
      source: '/whatsapp/bench',
      clock: this.#clock,
      mayPublish: () => true,
    });
  }

  async run({ events, rate, companies }: PublishingRun): Promise<PublishingUse> {
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
  open: async (natsUrl: string): Promise<void> => {
    const bus = await BusConnection.connect({ servers: [natsUrl], name: 'bench' });
    await ensureStreams(bus, STREAMS);
    publishing = new Publishing(bus);
  },
  run: async (run: PublishingRun): Promise<PublishingUse> => {
    if (!publishing) throw new Error('not open');
    return await publishing.run(run);
  },
};
export type PublishingMethods = typeof publishingMethods;

serve(publishingMethods);
