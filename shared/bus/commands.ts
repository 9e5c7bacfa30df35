import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { context } from '@opentelemetry/api';
import type { Msg, MsgHdrs } from 'nats';
import { COMMAND_ERROR_CODES, type CommandErrorCode } from '../contract/command-errors.ts';
import { parseCommand, type Command, type CommandName, type CommandReply } from '../contract/commands.ts';
import type { CompanyId } from '../contract/company-id.ts';
import { decodeEvent } from '../contract/decode-event.ts';
import type { PhoneNumber } from '../contract/phone-number.ts';
import { ASSIGN_SUBJECT, commandsSubject } from '../contract/subjects.ts';
import { backoffMs } from '../lifecycle/backoff.ts';
import { BusError } from './bus-error.ts';
import type { BusConnection } from './connection.ts';
import { headersOf, readHeader, toHeaders } from './message-headers.ts';
import { request } from './request.ts';
import { subscribe } from './subscription.ts';
import { extractTraceContext, injectTraceContext } from './trace-context.ts';

/** Nobody owns the company's session and nobody is there to take it over: no WhatsApp service is running. */
export class NoResponderError extends Error {
  readonly code = 'NO_RESPONDER';

  constructor(companyId: CompanyId, cause: unknown) {
    super(`no WhatsApp service answers for ${companyId}`, { cause });
    this.name = 'NoResponderError';
  }

  shouldRetry(): boolean {
    return true;
  }
}

/** The deadline passed without an answer; whether the command was carried out is unknown. */
export class CommandTimeoutError extends Error {
  readonly code = 'COMMAND_TIMEOUT';

  constructor(name: CommandName, deadlineMs: number, cause?: unknown) {
    super(`no answer to ${name} within ${deadlineMs} ms`, { cause });
    this.name = 'CommandTimeoutError';
  }

  shouldRetry(): boolean {
    return true;
  }
}

export interface CommandRequest {
  readonly companyId: CompanyId;
  readonly name: CommandName;
  /** Of `request-pairing-code` alone. */
  readonly phoneNumber?: PhoneNumber | undefined;
  /** How long the sender waits, in ms from now. */
  readonly deadlineMs: number;
}

/** Runs in the trace context of the sender. What it throws is answered `INTERNAL` and reported. */
export type CommandHandler = (command: Command) => Promise<CommandReply>;

export interface ServeOptions {
  /** Commands beyond this many at once are answered `BUSY`. */
  readonly maxInFlight?: number;
  /** Failures of the handler; the connection's observer unless given. */
  readonly onError?: (error: unknown) => void;
  /** ms since the epoch. */
  readonly now?: () => number;
}

/** Answers commands until drained. */
export interface CommandServer extends AsyncDisposable {
  /** Takes no further commands and resolves when those at hand are answered, or after `timeoutMs` (5,000 unless told). Never rejects. */
  drain(timeoutMs?: number): Promise<void>;
}

/** No command is longer; a body beyond is not parsed. */
const MAX_COMMAND_BYTES = 4 * 1024;
const DRAIN_TIMEOUT_MS = 5_000;
const QUEUE_GROUP = 'whatsapp';
/** Replicas with no room that are passed over before that is the answer. */
const FULL_REPLICAS_ASKED = 4;
const NOT_OWNER_BACKOFF = { baseMs: 50, maxMs: 500 };
/** Asking again with less time than this left would only put a timeout in the place of the refusal. */
const MIN_ANSWER_MS = 100;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * Sends a command to the owner of the company's session or, when it has none, to whichever WhatsApp replica takes it
 * over. The active trace context goes along. While replicas disagree about who that is (`NOT_OWNER`), it asks again; so a
 * command is lost with an owner that dies, and a repetition of it finds the next one.
 * @throws NoResponderError when there is neither, CommandTimeoutError after `deadlineMs`, BusError when the connection
 * is not there or the answer is none.
 */
export async function requestCommand(bus: BusConnection, options: CommandRequest): Promise<CommandReply> {
  const { companyId, name, phoneNumber, deadlineMs } = options;
  const end = performance.now() + deadlineMs;
  const deadline = Math.round(Date.now() + deadlineMs);
  const command: Command = { id: randomUUID(), companyId, name, deadline, ...(phoneNumber && { phoneNumber }) };
  const body = encoder.encode(JSON.stringify(command));
  const carrier: Record<string, string> = {};
  injectTraceContext(carrier);
  const headers = toHeaders(carrier);
  for (let attempt = 0; ; attempt += 1) {
    const reply = await askOnce(bus, options, { body, headers, end });
    if (reply.ok || !isWorthAskingAgain(reply.error.code, attempt)) return reply;
    const waitMs = backoffMs(attempt, NOT_OWNER_BACKOFF);
    if (performance.now() + waitMs + MIN_ANSWER_MS > end) return reply;
    await sleep(waitMs);
  }
}

/** The session is between two owners, or the replica that was asked to take it over is full and another may not be. */
function isWorthAskingAgain(code: CommandErrorCode, attempt: number): boolean {
  return code === 'NOT_OWNER' || (code === 'SESSION_LIMIT' && attempt < FULL_REPLICAS_ASKED);
}

async function askOnce(
  bus: BusConnection,
  { companyId, name, deadlineMs }: CommandRequest,
  { body, headers, end }: { readonly body: Uint8Array; readonly headers: MsgHdrs; readonly end: number },
): Promise<CommandReply> {
  for (const subject of [commandsSubject(companyId), ASSIGN_SUBJECT]) {
    try {
      const timeoutMs = Math.max(1, end - performance.now());
      const reply = await request(bus, subject, body, { timeoutMs, headers });
      return parseReply(companyId, reply.body);
    } catch (error) {
      if (!(error instanceof BusError)) throw error;
      if (error.code === 'BUS_TIMEOUT') throw new CommandTimeoutError(name, deadlineMs, error);
      if (error.code !== 'BUS_NO_RESPONDERS') throw error;
      if (subject === ASSIGN_SUBJECT) throw new NoResponderError(companyId, error);
    }
  }
  throw new CommandTimeoutError(name, deadlineMs);
}

/**
 * Answers the commands of one company: only its owner calls this. A command of another company on this subject is
 * `BAD_COMMAND`; one whose deadline has passed is refused without being handled. At most 16 at once unless told.
 */
export function serveCommands(
  bus: BusConnection,
  companyId: CompanyId,
  handler: CommandHandler,
  options: ServeOptions = {},
): CommandServer {
  const accepts = (command: Command) => command.companyId === companyId;
  return serve(bus, { subject: commandsSubject(companyId), accepts, handler }, { maxInFlight: 16, ...options });
}

/** Answers commands of companies without an owner; one member of the queue group gets each. At most 256 at once unless told. */
export function serveAssignments(
  bus: BusConnection,
  handler: CommandHandler,
  options: ServeOptions = {},
): CommandServer {
  const service = { subject: ASSIGN_SUBJECT, queue: QUEUE_GROUP, accepts: () => true, handler };
  return serve(bus, service, { maxInFlight: 256, ...options });
}

interface CommandService {
  readonly subject: string;
  readonly queue?: string;
  readonly accepts: (command: Command) => boolean;
  readonly handler: CommandHandler;
}

function serve(
  bus: BusConnection,
  service: CommandService,
  {
    maxInFlight,
    onError = (error) => bus.reportListenerFailure(error),
    now = Date.now,
  }: ServeOptions & { readonly maxInFlight: number },
): CommandServer {
  const inFlight = new Set<Promise<void>>();
  const handle = async (message: Msg): Promise<void> => {
    try {
      const busy = inFlight.size >= maxInFlight;
      const reply = busy
        ? refusal('BUSY', 'too many commands at once')
        : await answer(message, service, { onError, now });
      message.respond(encoder.encode(JSON.stringify(reply)));
    } catch (error) {
      onError(error);
    }
  };
  const track = async (message: Msg): Promise<void> => {
    const handled = handle(message);
    inFlight.add(handled);
    await handled;
    inFlight.delete(handled);
  };
  const subscription = subscribe(bus, {
    subject: service.subject,
    ...(service.queue && { queue: service.queue }),
    onMessage: (message) => void track(message),
    onError,
  });
  const drain = async (timeoutMs = DRAIN_TIMEOUT_MS) => {
    await subscription.drain();
    await settledWithin(inFlight, timeoutMs);
  };
  return { drain, [Symbol.asyncDispose]: drain };
}

async function settledWithin(promises: Iterable<Promise<void>>, timeoutMs: number): Promise<void> {
  const timer = new AbortController();
  const late = sleep(timeoutMs, undefined, { signal: timer.signal }).catch(() => undefined);
  await Promise.race([Promise.all(promises), late]);
  timer.abort();
}

async function answer(
  message: Msg,
  { accepts, handler }: CommandService,
  { onError, now }: { readonly onError: (error: unknown) => void; readonly now: () => number },
): Promise<CommandReply> {
  const command = message.data.length > MAX_COMMAND_BYTES ? undefined : parseCommand(message.data);
  if (!command || !accepts(command)) return refusal('BAD_COMMAND', 'the body is no command for this subject');
  if (command.deadline <= now()) return refusal('DEADLINE_PASSED', 'the deadline had passed when the command arrived');
  const headers = headersOf(message);
  const parent = extractTraceContext((name) => readHeader(headers, name));
  try {
    return await context.with(parent, () => handler(command));
  } catch (error) {
    onError(error);
    return refusal('INTERNAL', 'the receiver failed to do it; its log says why');
  }
}

function refusal(code: CommandErrorCode, message: string): CommandReply {
  return { ok: false, error: { code, message } };
}

/** @throws BusError `BUS_BAD_ANSWER` when it is no reply, or its event is none of this company. */
function parseReply(companyId: CompanyId, body: Uint8Array): CommandReply {
  let reply: unknown;
  try {
    reply = JSON.parse(decoder.decode(body));
  } catch (error) {
    throw new BusError('BUS_BAD_ANSWER', 'the reply to a command is not JSON', { cause: error });
  }
  if (typeof reply !== 'object' || reply === null || !('ok' in reply)) throw badReply('neither success nor refusal');
  if (reply.ok === false) return parseRefusal(reply);
  if (reply.ok !== true) throw badReply('neither success nor refusal');
  if (!('event' in reply) || reply.event === undefined) return { ok: true };
  const decoded = decodeEvent(companyId, encoder.encode(JSON.stringify(reply.event)));
  if (!decoded.ok) throw badReply(`its event is none: ${decoded.reason}, ${decoded.detail}`);
  return { ok: true, event: decoded.event };
}

function parseRefusal(reply: object): CommandReply {
  const { error } = reply as { error?: { code?: unknown; message?: unknown } };
  const code = COMMAND_ERROR_CODES.find((known) => known === error?.code);
  if (!code || typeof error?.message !== 'string') throw badReply('a refusal without a known code');
  return refusal(code, error.message);
}

function badReply(why: string): BusError {
  return new BusError('BUS_BAD_ANSWER', `bad reply to a command: ${why}`);
}
