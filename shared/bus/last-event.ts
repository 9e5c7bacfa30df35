import type { CompanyId } from '../contract/company-id.ts';
import { EVENTS_STREAM, eventsSubject } from '../contract/subjects.ts';
import { BusError } from './bus-error.ts';
import type { BusConnection } from './connection.ts';
import { askJetStream, isServerError, ServerError } from './jetstream-api.ts';
import { findHeader, findLastHeader, parseHeaderBlock, statusOf } from './message-headers.ts';
import { request, type Reply } from './request.ts';

/** One event as the stream keeps it. */
export interface StoredEvent {
  readonly body: Uint8Array;
  /** Its place in the stream: rises over all companies. */
  readonly streamSeq: number;
  /** When the stream took it, in ms since the epoch by the server's clock. */
  readonly storedAtMs: number;
  /** Without regard to case; `undefined` when absent. Never throws, whatever was published. */
  header(name: string): string | undefined;
}

const DIRECT_GET_TIMEOUT_MS = 2_000;
const NOT_FOUND_STATUS = 404;
const NOTHING = new Uint8Array();

/**
 * The last event of a company, or `undefined` when it has none. Any replica of the stream may answer, so on a
 * replicated stream it can be older than what was delivered live a moment ago; never older than an acknowledged publish
 * that the answering replica has applied.
 * @throws BusError when the stream does not exist or does not answer.
 */
export async function readLastEvent(bus: BusConnection, companyId: CompanyId): Promise<StoredEvent | undefined> {
  const operation = `DIRECT.GET.${EVENTS_STREAM}.${eventsSubject(companyId)}`;
  const reply = await request(bus, `$JS.API.${operation}`, NOTHING, { timeoutMs: DIRECT_GET_TIMEOUT_MS });
  if (statusOf(reply.headerBlock) === NOT_FOUND_STATUS) return undefined;
  // Somebody stored a message whose headers garble those of the server; the leader wraps them in JSON.
  return toStoredEvent(reply) ?? readLastEventFromLeader(bus, companyId);
}

/** As `readLastEvent`, answered by the stream's leader: what it has refused or stored is in the answer. */
export function readLastEventFromLeader(bus: BusConnection, companyId: CompanyId): Promise<StoredEvent | undefined> {
  return askForMessage(bus, { last_by_subj: eventsSubject(companyId) });
}

/** The company's first event at or behind a place in the stream, from the leader; `undefined` when there is none. */
export function readNextEventFromLeader(
  bus: BusConnection,
  companyId: CompanyId,
  fromStreamSeq: number,
): Promise<StoredEvent | undefined> {
  return askForMessage(bus, { next_by_subj: eventsSubject(companyId), seq: fromStreamSeq });
}

async function askForMessage(bus: BusConnection, question: object): Promise<StoredEvent | undefined> {
  let answer: object;
  try {
    answer = await askJetStream(bus, `STREAM.MSG.GET.${EVENTS_STREAM}`, question);
  } catch (error) {
    if (isServerError(error, ServerError.messageNotFound)) return undefined;
    throw error;
  }
  const { message } = answer as { message?: { seq?: unknown; time?: unknown; data?: string; hdrs?: string } };
  if (typeof message?.seq !== 'number' || typeof message.time !== 'string') {
    throw new BusError('BUS_BAD_ANSWER', 'the stored message lacks its sequence or time');
  }
  return {
    body: Buffer.from(message.data ?? '', 'base64'),
    streamSeq: message.seq,
    storedAtMs: Date.parse(message.time),
    header: parseHeaderBlock(Buffer.from(message.hdrs ?? '', 'base64').toString('utf8')),
  };
}

function toStoredEvent({ body, headerBlock = '' }: Reply): StoredEvent | undefined {
  // The last ones are the server's: a publisher may have put some of its own into the message.
  const streamSeq = Number(findLastHeader(headerBlock, 'Nats-Sequence'));
  const storedAtMs = Date.parse(findLastHeader(headerBlock, 'Nats-Time-Stamp') ?? '');
  if (!Number.isSafeInteger(streamSeq) || Number.isNaN(storedAtMs)) return undefined;
  return { body, streamSeq, storedAtMs, header: (name) => findHeader(headerBlock, name) };
}
