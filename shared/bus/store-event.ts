import type { CompanyId } from '../contract/company-id.ts';
import { EVENTS_STREAM, eventsSubject } from '../contract/subjects.ts';
import { BusError } from './bus-error.ts';
import type { BusConnection } from './connection.ts';
import { parseAnswer } from './jetstream-api.ts';
import { request } from './request.ts';

/**
 * Publishes one event by hand, as an operator does: without position, id and headers, so that the owner's own order is
 * not touched. Resolves to its sequence in the stream once it is stored. Live subscribers may have got it also when this
 * rejects.
 * @throws BusError `BUS_NO_RESPONDERS` when there is no stream, `BUS_TIMEOUT` when the stream does not answer.
 */
export async function storeEvent(
  bus: BusConnection,
  companyId: CompanyId,
  body: Uint8Array,
  timeoutMs: number,
): Promise<number> {
  const reply = await request(bus, eventsSubject(companyId), body, { timeoutMs });
  const { stream, seq } = parseAnswer(reply.body, 'publish') as { stream?: unknown; seq?: unknown };
  if (stream === EVENTS_STREAM && typeof seq === 'number') return seq;
  throw new BusError('BUS_BAD_ANSWER', `publish: the answer is no acknowledgement of ${EVENTS_STREAM}`);
}
