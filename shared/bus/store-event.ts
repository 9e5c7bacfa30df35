import type { CompanyId } from '../contract/company-id.ts';
import { EVENTS_STREAM, eventsSubject } from '../contract/subjects.ts';
import { BusError } from './bus-error.ts';
import type { BusConnection } from './connection.ts';
import { askJetStream, isServerError, parseAnswer, ServerError } from './jetstream-api.ts';
import { request } from './request.ts';

/** This NATS has no stream of events, or no JetStream at all: nothing was sent. */
export class EventsStreamMissingError extends Error {
  readonly code = 'STREAM_MISSING';

  constructor(cause: unknown) {
    super(`nothing was sent: this NATS has no stream ${EVENTS_STREAM}; the services create it when they start`, {
      cause,
    });
    this.name = 'EventsStreamMissingError';
  }

  shouldRetry(): boolean {
    return true;
  }
}

/**
 * Publishes one event by hand, as an operator does: without position, id and headers, so that the owner's own order is
 * not touched. Resolves to its sequence in the stream once it is stored.
 * @throws EventsStreamMissingError before anything is sent.
 * @throws BusError when it was not stored, or `BUS_TIMEOUT` when that is unknown; live subscribers may have got it.
 */
export async function storeEvent(
  bus: BusConnection,
  companyId: CompanyId,
  body: Uint8Array,
  timeoutMs: number,
): Promise<number> {
  // Whoever listens on the subject keeps the server from saying that no stream does.
  await requireStream(bus);
  const reply = await request(bus, eventsSubject(companyId), body, { timeoutMs });
  const { stream, seq } = parseAnswer(reply.body, 'publish') as { stream?: unknown; seq?: unknown };
  if (stream === EVENTS_STREAM && typeof seq === 'number') return seq;
  throw new BusError('BUS_BAD_ANSWER', `publish: the answer is no acknowledgement of ${EVENTS_STREAM}`);
}

async function requireStream(bus: BusConnection): Promise<void> {
  try {
    await askJetStream(bus, `STREAM.INFO.${EVENTS_STREAM}`);
  } catch (error) {
    const isWithoutJetStream = error instanceof BusError && error.code === 'BUS_NO_RESPONDERS';
    const isMissing = isWithoutJetStream || isServerError(error, ServerError.streamNotFound);
    throw isMissing ? new EventsStreamMissingError(error) : error;
  }
}
