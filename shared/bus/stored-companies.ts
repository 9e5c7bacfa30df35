import type { CompanyId } from '../contract/company-id.ts';
import { EVENTS_STREAM, companyIdOfEventsSubject } from '../contract/subjects.ts';
import { BusError } from './bus-error.ts';
import type { BusConnection } from './connection.ts';
import { askJetStream, isServerError, ServerError } from './jetstream-api.ts';

/**
 * The companies that have an event in the stream, in no order; none when there is no stream. The server answers up to
 * 100,000 subjects.
 * @throws BusError when JetStream does not answer.
 */
export async function readStoredCompanies(bus: BusConnection): Promise<CompanyId[]> {
  let answer: object;
  try {
    answer = await askJetStream(bus, `STREAM.INFO.${EVENTS_STREAM}`, { subjects_filter: '>' });
  } catch (error) {
    if (isServerError(error, ServerError.streamNotFound)) return [];
    throw error;
  }
  const { state } = answer as { state?: { subjects?: unknown } };
  if (typeof state !== 'object') throw new BusError('BUS_BAD_ANSWER', 'the stream information lacks its state');
  const subjects = Object.keys(state.subjects ?? {});
  return subjects.map(companyIdOfEventsSubject).filter((companyId) => companyId !== undefined);
}
