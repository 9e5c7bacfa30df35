import type { EventMessage } from '../../shared/bus/confirmed-publisher.ts';
import type { ConnectionStatus } from '../../shared/bus/connection-status.ts';
import { BusConnection, type BusConnectionOptions } from '../../shared/bus/connection.ts';
import { readNextEventFromLeader, type StoredEvent } from '../../shared/bus/last-event.ts';
import { parseCompanyId, type CompanyId } from '../../shared/contract/company-id.ts';
import { eventId, type Position } from '../../shared/contract/position.ts';
import type { NatsServer } from './nats-server.ts';

export interface WatchedBus extends AsyncDisposable {
  readonly bus: BusConnection;
  /** Everything that the connection reported so far. */
  readonly statuses: readonly ConnectionStatus[];
  saw(kind: ConnectionStatus['kind']): boolean;
}

/** A connection to the server (or to whatever listens at `servers`) that keeps what it reports. */
export async function connectBus(
  server: Pick<NatsServer, 'url'>,
  options: Partial<BusConnectionOptions> = {},
): Promise<WatchedBus> {
  const statuses: ConnectionStatus[] = [];
  const bus = await BusConnection.connect({
    servers: [server.url],
    name: 'test',
    reconnectBaseWaitMs: 25,
    observer: { onStatus: (status) => statuses.push(status) },
    ...options,
  });
  return {
    bus,
    statuses,
    saw: (kind) => statuses.some((status) => status.kind === kind),
    [Symbol.asyncDispose]: () => bus.drain(),
  };
}

/** A company for tests, by a small number. */
export function testCompany(number: number): CompanyId {
  return parseCompanyId(String(962_300 + number));
}

/** A minimal valid event at its position, as the publisher takes it. */
export function testEvent(companyId: CompanyId, position: Position, extra: object = {}): EventMessage {
  const id = eventId(companyId, position);
  const body = { type: 'starting', companyId, timestamp: 1_764_870_000_000, id, ...position, ...extra };
  return { id, position, body: new TextEncoder().encode(JSON.stringify(body)), headers: {} };
}

/** Everything that the stream holds of the company, oldest first. */
export async function readStoredEvents(bus: BusConnection, companyId: CompanyId): Promise<StoredEvent[]> {
  const events: StoredEvent[] = [];
  for (;;) {
    const next = await readNextEventFromLeader(bus, companyId, (events.at(-1)?.streamSeq ?? 0) + 1);
    if (!next) return events;
    events.push(next);
  }
}

export function textOf({ body }: { readonly body: Uint8Array }): string {
  return new TextDecoder().decode(body);
}
