import type { Msg } from 'nats';
import { PING_SUBJECT } from '../contract/subjects.ts';
import type { BusConnection } from './connection.ts';
import { natsOf } from './nats-connection.ts';
import { request } from './request.ts';

const QUEUE_GROUP = 'whatsapp';
const NOTHING = new Uint8Array();

/** Something that answers requests until drained. */
export interface Responder extends AsyncDisposable {
  /** Idempotent; never rejects. */
  drain(): Promise<void>;
}

/** Answers pings as one member of the queue group. */
export function servePing(bus: BusConnection): Responder {
  return respond(bus, PING_SUBJECT, (message) => message.respond(message.data));
}

/**
 * The way to any WhatsApp service and back, in ms.
 * @throws BusError `BUS_NO_RESPONDERS` when none is running, `BUS_TIMEOUT` when none answers in time.
 */
export async function ping(bus: BusConnection, timeoutMs = 1_000): Promise<{ readonly latencyMs: number }> {
  const start = performance.now();
  await request(bus, PING_SUBJECT, NOTHING, { timeoutMs });
  return { latencyMs: performance.now() - start };
}

/** One queue-group subscription whose callback cannot hurt the connection. For the files of this folder. */
export function respond(bus: BusConnection, subject: string, onRequest: (message: Msg) => void): Responder {
  const subscription = natsOf(bus).subscribe(subject, {
    queue: QUEUE_GROUP,
    callback: (error, message) => {
      try {
        if (error) throw error;
        onRequest(message);
      } catch (thrown) {
        bus.reportListenerFailure(thrown);
      }
    },
  });
  let draining: Promise<void> | undefined;
  const drain = () => {
    // Rejects only when the subscription or the connection has ended already.
    draining ??= subscription.drain().catch(() => undefined);
    return draining;
  };
  return { drain, [Symbol.asyncDispose]: drain };
}
