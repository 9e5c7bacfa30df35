import { LEASES_SUBJECT } from '../contract/subjects.ts';
import type { BusConnection } from './connection.ts';
import { natsOf } from './nats-connection.ts';
import { subscribe, type Subscription } from './subscription.ts';

const NOTHING = new Uint8Array();

/** Tells the other WhatsApp replicas that there is something to take, or somebody to share with. At most once; never throws. */
export function signalLeases(bus: BusConnection): void {
  if (bus.closed || !bus.connected) return;
  natsOf(bus).publish(LEASES_SUBJECT, NOTHING);
}

/** Runs for each such signal, one's own included, until drained. */
export function onLeaseSignal(bus: BusConnection, listener: () => void): Subscription {
  return subscribe(bus, { subject: LEASES_SUBJECT, onMessage: listener });
}
