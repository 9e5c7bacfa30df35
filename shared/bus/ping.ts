import { PING_SUBJECT } from '../contract/subjects.ts';
import type { BusConnection } from './connection.ts';
import { request } from './request.ts';
import { subscribe, type Subscription } from './subscription.ts';

const QUEUE_GROUP = 'whatsapp';
const NOTHING = new Uint8Array();

/** Answers pings as one member of the queue group until drained. */
export function servePing(bus: BusConnection): Subscription {
  return subscribe(bus, {
    subject: PING_SUBJECT,
    queue: QUEUE_GROUP,
    onMessage: (message) => void message.respond(message.data),
  });
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
