import { SpanKind, trace } from '@opentelemetry/api';
import { serveAssignments, serveCommands, type CommandServer, type ServeOptions } from '../../shared/bus/commands.ts';
import type { BusConnection } from '../../shared/bus/connection.ts';
import type { Command, CommandErrorCode, CommandReply } from '../../shared/contract/commands.ts';
import { parseCompanyId, reservedRangeOf, type CompanyId } from '../../shared/contract/company-id.ts';
import { COMMANDS_TEMPLATE } from '../../shared/contract/subjects.ts';
import { ATTRIBUTES } from '../../shared/telemetry/attributes.ts';
import type { Instruments } from './instruments.ts';
import { SessionLimitError, type SessionPool } from './session/session-pool.ts';
import type { Session } from './session/session.ts';

export interface CommandsOptions {
  readonly bus: BusConnection;
  /** Late, because sessions need the commands and the commands the sessions. */
  readonly pool: () => SessionPool;
  readonly instruments: Instruments;
  /** Load tests may have sessions: this process does not speak to WhatsApp itself. */
  readonly allowLoad: boolean;
}

const tracer = trace.getTracer('whatsapp');
/** What is left of a command's time for the way back, in ms. */
const ANSWER_MARGIN_MS = 100;

/** Answers what gateways and operators ask of sessions: for those held here, and for companies that nobody holds. */
export class Commands {
  readonly #options: CommandsOptions;
  readonly #serving: ServeOptions;

  constructor(options: CommandsOptions) {
    this.#options = options;
    this.#serving = { onError: (error) => options.instruments.commandFailed(error) };
  }

  /** Serves the company's own subject: for its owner alone. */
  serve(companyId: CompanyId): CommandServer {
    return serveCommands(this.#options.bus, companyId, (command) => this.#traced(command), this.#serving);
  }

  /** Serves, with the other replicas, companies without an owner. */
  serveAssignments(): CommandServer {
    return serveAssignments(this.#options.bus, (command) => this.#traced(command), this.#serving);
  }

  #traced(command: Command): Promise<CommandReply> {
    const attributes = {
      [ATTRIBUTES.companyId]: command.companyId,
      [ATTRIBUTES.operationName]: command.name,
      [ATTRIBUTES.operationType]: 'process',
      [ATTRIBUTES.messagingSystem]: 'nats',
      [ATTRIBUTES.destinationTemplate]: COMMANDS_TEMPLATE,
    };
    const options = { kind: SpanKind.CONSUMER, attributes };
    return tracer.startActiveSpan(`process ${COMMANDS_TEMPLATE}`, options, async (span) => {
      try {
        const reply = await this.handle(command);
        if (!reply.ok) span.setAttribute(ATTRIBUTES.errorType, reply.error.code);
        return reply;
      } finally {
        span.end();
      }
    });
  }

  /** Never refuses by rejecting, except for failures of the store and the stream, which are answered `INTERNAL`. */
  async handle(command: Command): Promise<CommandReply> {
    const companyId = parseCompanyId(command.companyId);
    const reply = await this.#answer(companyId, command);
    this.#options.instruments.commandHandled(companyId, command.name, reply.ok ? 'ok' : reply.error.code);
    return reply;
  }

  async #answer(companyId: CompanyId, { name, deadline }: Command): Promise<CommandReply> {
    const reserved = reservedRangeOf(companyId);
    if (reserved === 'canary' || (reserved === 'load' && !this.#options.allowLoad)) {
      return refusal('RESERVED_ID', `the company id is reserved: ${reserved}`);
    }
    const timeLeftMs = Math.max(1, deadline - Date.now() - ANSWER_MARGIN_MS);
    if (name === 'status') {
      const session = this.#options.pool().get(companyId);
      return session ? snapshotOf(session, timeLeftMs) : { ok: true };
    }
    const session = await this.#acquire(companyId, timeLeftMs);
    if (!('companyId' in session)) return session;
    if (name === 'logout') return this.#logout(session, timeLeftMs);
    if (session.machine.phase === 'blocked') {
      return refusal('CREDENTIALS_UNREADABLE', 'the stored credentials of the company cannot be read');
    }
    session.dispatch({ kind: name });
    return snapshotOf(session, timeLeftMs);
  }

  async #acquire(companyId: CompanyId, timeLeftMs: number): Promise<Session | CommandReply> {
    const pool = this.#options.pool();
    const held = pool.get(companyId);
    try {
      const acquired = await within(pool.acquire(companyId), timeLeftMs);
      if (acquired) return acquired;
    } catch (error) {
      if (error instanceof SessionLimitError) return refusal('SESSION_LIMIT', error.message);
      throw error;
    }
    // Its last event is not stored yet, so it cannot be followed by a new session: what it says is still the truth.
    return held ? snapshotOf(held, 1) : refusal('INTERNAL', 'the session could not be taken over in time');
  }

  async #logout(session: Session, timeLeftMs: number): Promise<CommandReply> {
    const { phase, state, linked } = session.machine;
    if (phase === 'resting' && state === 'starting' && !linked) {
      // Taken over for this command alone, and there is nothing to log out.
      await session.release();
      return { ok: true };
    }
    session.dispatch({ kind: 'logout' });
    await within(session.ended, timeLeftMs);
    return snapshotOf(session, 1);
  }
}

async function snapshotOf(session: Session, timeLeftMs: number): Promise<CommandReply> {
  const event = await session.snapshot(timeLeftMs);
  return { ok: true, ...(event && { event }) };
}

/** The result, or `undefined` when it takes longer; the work goes on. */
async function within<T>(work: Promise<T>, timeoutMs: number): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(resolve, timeoutMs, undefined);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

function refusal(code: CommandErrorCode, message: string): CommandReply {
  return { ok: false, error: { code, message } };
}
