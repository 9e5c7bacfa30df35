import type { MsgHdrs } from 'nats';
import type { CompanyId } from '../contract/company-id.ts';
import { decodeEvent } from '../contract/decode-event.ts';
import { MESSAGE_ID } from '../contract/headers.ts';
import { comparePositions, positionOf, type Position } from '../contract/position.ts';
import { eventsSubject } from '../contract/subjects.ts';
import { BusError } from './bus-error.ts';
import type { BusConnection } from './connection.ts';
import { isServerError, parseAnswer, ServerError } from './jetstream-api.ts';
import { readLastEventFromLeader, readNextEventFromLeader, type StoredEvent } from './last-event.ts';
import { request } from './request.ts';

/** How a publish was decided. */
export type PublishOutcome =
  /** The stream has it, once, behind everything that was stored for the company before. */
  | { readonly kind: 'stored' }
  /** The stream refuses it for good: another owner with the higher epoch `by.epoch` has published. Stop the session. */
  | { readonly kind: 'fenced'; readonly by: Position }
  /** Its place was taken before it was ever sent, so the stream may hold other content under its id. Raise the epoch and publish again. */
  | { readonly kind: 'duplicate' };

/** What is known of the end of a company's subject. */
export interface SubjectEnd {
  readonly companyId: CompanyId;
  /** Sequence of the last message in the stream, 0 when there is none; `undefined` when it must be read first. */
  lastSeq: number | undefined;
  /** The newest position seen in the stream. */
  newest: Position | undefined;
}

export interface Publication {
  readonly id: string;
  readonly position: Position;
  /** Asked just before each attempt is sent. */
  readonly body: () => Uint8Array;
  readonly headers: MsgHdrs;
  /** An attempt was sent and its answer never came: the stream may have it. */
  mayBeStored: boolean;
}

const EXPECTED_SEQUENCE = 'Nats-Expected-Last-Subject-Sequence';
/** More than a subject can hold, so that a walk over one ends even while somebody publishes to it. */
const MAX_EVENTS_WALKED = 256;

/**
 * Tries once to store an event as the next one of its company. The stream refuses it when anything was stored that this
 * publisher does not know of; that is then read and judged.
 * @throws BusError when the attempt remains undecided and should be repeated.
 */
export async function attemptPublish(
  bus: BusConnection,
  end: SubjectEnd,
  publication: Publication,
  timeoutMs: number,
): Promise<PublishOutcome> {
  if (end.lastSeq === undefined) {
    const found = await readEnd(bus, end, publication.id);
    if (found) return alreadyThere(publication);
  }
  const refused = judge(end, publication);
  if (refused) return refused;
  publication.headers.set(EXPECTED_SEQUENCE, String(end.lastSeq));
  try {
    return settle(end, publication, await send(bus, end.companyId, publication, timeoutMs));
  } catch (error) {
    if (!isServerError(error, ServerError.wrongLastSequence)) throw error;
    end.lastSeq = undefined;
    const found = await readEnd(bus, end, publication.id);
    const decided = found ? alreadyThere(publication) : judge(end, publication);
    if (decided) return decided;
    throw error;
  }
}

interface Acknowledgement {
  readonly seq: number;
  readonly duplicate: boolean;
}

async function send(
  bus: BusConnection,
  companyId: CompanyId,
  publication: Publication,
  timeoutMs: number,
): Promise<Acknowledgement> {
  const { body, headers } = publication;
  try {
    const reply = await request(bus, eventsSubject(companyId), body(), { timeoutMs, headers });
    return toAcknowledgement(parseAnswer(reply.body, 'publish'));
  } catch (error) {
    if (error instanceof BusError && LEAVES_OPEN.has(error.code)) publication.mayBeStored = true;
    throw error;
  }
}

/** Failures after which the stream may have the message all the same. */
const LEAVES_OPEN: ReadonlySet<string> = new Set(['BUS_TIMEOUT', 'BUS_DISCONNECTED', 'BUS_BAD_ANSWER', 'BUS_CLOSED']);

function toAcknowledgement(answer: object): Acknowledgement {
  const { stream, seq, duplicate } = answer as { stream?: unknown; seq?: unknown; duplicate?: unknown };
  // Without these it is the answer of somebody else who listens on the subject.
  if (typeof stream !== 'string' || typeof seq !== 'number') {
    throw new BusError('BUS_BAD_ANSWER', 'publish: the answer is no acknowledgement');
  }
  return { seq, duplicate: duplicate === true };
}

function settle(end: SubjectEnd, publication: Publication, { seq, duplicate }: Acknowledgement): PublishOutcome {
  if (duplicate) {
    end.lastSeq = undefined;
    return alreadyThere(publication);
  }
  end.lastSeq = seq;
  end.newest = publication.position;
  return { kind: 'stored' };
}

/** The id is in the stream: put there by an earlier attempt, or by somebody else if there was none. */
function alreadyThere({ mayBeStored }: Publication): PublishOutcome {
  return mayBeStored ? { kind: 'stored' } : { kind: 'duplicate' };
}

/** Whether what is in the stream rules the publication out. */
function judge({ newest }: SubjectEnd, { position }: Publication): PublishOutcome | undefined {
  if (!newest) return undefined;
  if (newest.epoch > position.epoch) return { kind: 'fenced', by: newest };
  return comparePositions(newest, position) >= 0 ? { kind: 'duplicate' } : undefined;
}

/**
 * Reads where the company's subject ends, from the leader, and whether the id is there. An event published by hand
 * hides who published before it: then all events of the subject are looked at.
 */
async function readEnd(bus: BusConnection, end: SubjectEnd, id: string): Promise<boolean> {
  const last = await readLastEventFromLeader(bus, end.companyId);
  const behindLast = last && !storedPosition(end.companyId, last);
  const events = behindLast ? await readAll(bus, end.companyId) : last ? [last] : [];
  let found = false;
  let newest: Position | undefined;
  for (const event of events) {
    const position = storedPosition(end.companyId, event);
    if (position && (!newest || comparePositions(position, newest) > 0)) newest = position;
    found ||= event.header(MESSAGE_ID) === id;
  }
  end.lastSeq = events.at(-1)?.streamSeq ?? 0;
  end.newest = newest;
  return found;
}

/** Every event of the company that the stream holds, oldest first. */
export async function readAll(bus: BusConnection, companyId: CompanyId): Promise<StoredEvent[]> {
  const events: StoredEvent[] = [];
  while (events.length < MAX_EVENTS_WALKED) {
    const next = await readNextEventFromLeader(bus, companyId, (events.at(-1)?.streamSeq ?? 0) + 1);
    if (!next) break;
    events.push(next);
  }
  return events;
}

/** `undefined` for an event published by hand, and for what is no event. */
export function storedPosition(companyId: CompanyId, { body }: StoredEvent): Position | undefined {
  const decoded = decodeEvent(companyId, body);
  return decoded.ok ? positionOf(decoded.event) : undefined;
}
