import type { CompanyId } from '../contract/company-id.ts';
import { MAX_EPOCH } from '../contract/position.ts';
import { EVENTS_STREAM } from '../contract/subjects.ts';
import type { BusConnection } from './connection.ts';
import { askJetStream, isServerError, ServerError } from './jetstream-api.ts';
import { readLastEventFromLeader, type StoredEvent } from './last-event.ts';
import { readAll, storedPosition } from './publish-attempt.ts';

/** Epochs so close to the end that only somebody who means harm has published them. */
const FORGED_ABOVE = MAX_EPOCH - 2 ** 20;

export interface NewestEpochOptions {
  /** Events whose epoch leaves no room for owners to come were taken out of the stream. */
  readonly onForged?: ((companyId: CompanyId, events: number) => void) | undefined;
}

/**
 * The highest epoch among the company's events in the stream, from its leader; 0 when there is none. An event published
 * by hand without an epoch hides who published before it: then all of the company's events are looked at.
 *
 * An event that somebody published by hand with an epoch of its own is followed, as gateways do. The few epochs before
 * the highest possible one are not: such events are removed, because they would shut out every owner for good.
 * @throws BusError when the stream does not exist or does not answer.
 */
export async function readNewestEpoch(
  bus: BusConnection,
  companyId: CompanyId,
  { onForged }: NewestEpochOptions = {},
): Promise<number> {
  const last = await readLastEventFromLeader(bus, companyId);
  if (!last) return 0;
  const epoch = epochOf(companyId, last);
  if (epoch > 0 && epoch <= FORGED_ABOVE) return epoch;
  const events = await readAll(bus, companyId);
  const forged = events.filter((event) => epochOf(companyId, event) > FORGED_ABOVE);
  for (const { streamSeq } of forged) await remove(bus, streamSeq);
  if (forged.length > 0) onForged?.(companyId, forged.length);
  const kept = events.filter((event) => !forged.includes(event));
  return Math.max(0, ...kept.map((event) => epochOf(companyId, event)));
}

function epochOf(companyId: CompanyId, event: StoredEvent): number {
  return storedPosition(companyId, event)?.epoch ?? 0;
}

async function remove(bus: BusConnection, seq: number): Promise<void> {
  try {
    await askJetStream(bus, `STREAM.MSG.DELETE.${EVENTS_STREAM}`, { seq, no_erase: true });
  } catch (error) {
    if (!isServerError(error, ServerError.messageNotFound)) throw error;
  }
}
