import type { NatsConnection } from 'nats';
import { BusError } from './bus-error.ts';

interface Bound {
  readonly connection: NatsConnection;
  readonly inboxPrefix: string;
}

/** Kept beside the public class, so that no type of the client library is part of its surface. */
const bound = new WeakMap<object, Bound>();

export function bindNats(bus: object, connection: NatsConnection, inboxPrefix: string): void {
  bound.set(bus, { connection, inboxPrefix });
}

/** The client library's connection, for the files of this folder alone. */
export function natsOf(bus: object): NatsConnection {
  return boundOf(bus).connection;
}

/** What the subjects of replies to this connection begin with, without the last dot. */
export function inboxPrefixOf(bus: object): string {
  return boundOf(bus).inboxPrefix;
}

function boundOf(bus: object): Bound {
  const found = bound.get(bus);
  if (!found) throw new BusError('BUS_CLOSED', 'not a connected bus');
  return found;
}
