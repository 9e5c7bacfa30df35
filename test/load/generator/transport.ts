import { Redis } from 'ioredis';
import { connect, type NatsConnection } from 'nats';
import { ConfirmedPublisher } from '../../../shared/bus/confirmed-publisher.ts';
import { BusConnection } from '../../../shared/bus/connection.ts';
import { toHeaders } from '../../../shared/bus/message-headers.ts';
import type { CompanyId } from '../../../shared/contract/company-id.ts';
import { eventsSubject } from '../../../shared/contract/subjects.ts';
import type { OutgoingEvent } from './outgoing.ts';

/** The channel of the design that this system replaces: one for all companies. */
export const REDIS_CHANNEL = 'whatsapp:events';

/** Subjects of the benchmark's floor: no stream takes them. */
export const RAW_SUBJECT_PREFIX = 'bench.events.';

/** Where and how events are sent. */
export type TransportOptions =
  | { readonly kind: 'core' | 'core-raw' | 'jetstream'; readonly natsUrl: string }
  | { readonly kind: 'redis'; readonly port: number };

export interface Transport {
  /** Resolves when the event is on its way, or confirmed where that exists; rejects when it will not be. */
  send(event: OutgoingEvent): Promise<unknown>;
  close(): Promise<void>;
}

/** How long a close may wait for confirmations, in ms. */
const DRAIN_TIMEOUT_MS = 15_000;

/** How long a server may take to answer for the first time, in ms. */
const CONNECT_TIMEOUT_MS = 10_000;

/** There is no server to publish to. */
export class TransportError extends Error {
  readonly code = 'PUBLISH_UNREACHABLE';

  constructor(natsUrl: string, cause: unknown) {
    super(`NATS does not answer at ${natsUrl}`, { cause });
    this.name = 'TransportError';
  }

  shouldRetry(): boolean {
    return true;
  }
}

/** @throws TransportError */
export async function openTransport(options: TransportOptions): Promise<Transport> {
  if (options.kind === 'redis') return toRedis(new Redis(options.port, '127.0.0.1'));
  const { kind, natsUrl } = options;
  try {
    if (kind === 'jetstream') {
      const patience = AbortSignal.timeout(CONNECT_TIMEOUT_MS);
      return toConfirmed(await BusConnection.connect({ servers: [natsUrl], name: 'load' }, patience));
    }
    const nats = await connect({ servers: natsUrl, name: 'load', timeout: CONNECT_TIMEOUT_MS });
    return toCore(nats, kind === 'core' ? eventsSubject : (id) => RAW_SUBJECT_PREFIX + id);
  } catch (error) {
    throw new TransportError(natsUrl, error);
  }
}

function toCore(nats: NatsConnection, subjectOf: (companyId: CompanyId) => string): Transport {
  return {
    send: ({ companyId, body, headers }) => {
      nats.publish(subjectOf(companyId), body, { headers: toHeaders(headers) });
      return Promise.resolve();
    },
    close: () => nats.drain(),
  };
}

/** As the WhatsApp service does it. */
function toConfirmed(bus: BusConnection): Transport {
  const publisher = new ConfirmedPublisher(bus, {
    streams: { replicas: 1, mayChange: false },
    // An open loop goes on when the stream stalls: the queue of one company may become long.
    maxQueuedPerCompany: 100_000,
  });
  return {
    send: async ({ companyId, ...message }) => {
      const outcome = await publisher.publish(companyId, message);
      if (outcome.kind !== 'stored') throw new Error(`the stream answered ${outcome.kind}`);
    },
    close: async () => {
      await publisher.drain(DRAIN_TIMEOUT_MS);
      await bus.drain();
    },
  };
}

function toRedis(redis: Redis): Transport {
  return {
    send: ({ body }) => redis.publish(REDIS_CHANNEL, Buffer.from(body)),
    close: async () => {
      await redis.quit();
    },
  };
}
