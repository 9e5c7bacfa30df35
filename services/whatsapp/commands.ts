import { serveAssignments, serveCommands, type CommandServer, type ServeOptions } from '../../shared/bus/commands.ts';
import type { BusConnection } from '../../shared/bus/connection.ts';
import type { CommandErrorCode } from '../../shared/contract/command-errors.ts';
import type { Command, CommandReply } from '../../shared/contract/commands.ts';
import { parseCompanyId, reservedRangeOf, type CompanyId } from '../../shared/contract/company-id.ts';
import { parsePhoneNumber } from '../../shared/contract/phone-number.ts';
import { processTraced } from '../../shared/instruments/command-tracing.ts';
import type { Instruments } from './instruments.ts';
import type { Lease } from './lease.ts';
import { isCodeOnItsWay } from './session/code-steps.ts';
import type { Input } from './session/machine.ts';
import { toSnapshot } from './session/session-event.ts';
import { SessionLimitError, type SessionPool } from './session/session-pool.ts';
import type { Session } from './session/session.ts';
import { LeaseLostError, NotOwnerError } from './store/errors.ts';

export interface CommandsOptions {
  readonly bus: BusConnection;
  /** Late, because sessions need the commands and the commands the sessions. */
  readonly pool: () => SessionPool;
  readonly lease: Pick<Lease, 'valid'>;
  /** The name of the replica that holds the company, if one does. */
  readonly readOwner: (companyId: CompanyId) => Promise<string | undefined>;
  readonly instruments: Instruments;
  /** Load tests may have sessions: this process does not speak to WhatsApp itself. */
  readonly allowLoad: boolean;
}

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
    const companyId = parseCompanyId(command.companyId);
    return processTraced(this.#options.instruments.messaging, companyId, command, () => this.handle(command));
  }

  /** Never refuses by rejecting, except for failures of the store and the stream, which are answered `INTERNAL`. */
  async handle(command: Command): Promise<CommandReply> {
    const companyId = parseCompanyId(command.companyId);
    const reply = await this.#answer(companyId, command);
    this.#options.instruments.commandHandled(companyId, command.name, reply.ok ? 'ok' : reply.error.code);
    return reply;
  }

  async #answer(companyId: CompanyId, command: Command): Promise<CommandReply> {
    const reserved = reservedRangeOf(companyId);
    if (reserved === 'canary' || (reserved === 'load' && !this.#options.allowLoad)) {
      return refusal('RESERVED_ID', `the company id is reserved: ${reserved}`);
    }
    // A process that was paused finds old commands waiting, and everything it held in other hands.
    if (!this.#options.lease.valid) return refusal('NOT_OWNER', 'this replica has no lease');
    const timeLeftMs = Math.max(1, command.deadline - Date.now() - ANSWER_MARGIN_MS);
    try {
      // Carried out also when it takes longer than the sender waits: he asked for it, and asks again.
      const carriedOut = this.#carryOut(companyId, command);
      return (await within(carriedOut, timeLeftMs)) ?? this.#inTheMeantime(companyId);
    } catch (error) {
      if (error instanceof SessionLimitError) return refusal('SESSION_LIMIT', error.message);
      if (error instanceof NotOwnerError || error instanceof LeaseLostError) {
        return refusal('NOT_OWNER', error.message);
      }
      throw error;
    }
  }

  async #carryOut(companyId: CompanyId, { name, phoneNumber }: Command): Promise<CommandReply> {
    switch (name) {
      case 'status':
        return this.#readStatus(companyId);
      case 'watch':
        return this.#look(companyId, (session) => session.watch());
      case 'logout':
        return this.#logOut(await this.#options.pool().acquire(companyId));
      case 'request-pairing-code':
        return this.#requestPairingCode(companyId, phoneNumber);
      case 'start':
      case 'request-qr':
        return this.#dispatch(companyId, { kind: name });
    }
  }

  /** Takes over nothing; says that there is no session only when nobody has one. */
  async #readStatus(companyId: CompanyId): Promise<CommandReply> {
    if (this.#options.pool().get(companyId)) return this.#look(companyId, () => {});
    const owner = await this.#options.readOwner(companyId);
    return owner === undefined ? { ok: true } : refusal('NOT_OWNER', `${companyId} is held by ${owner}`);
  }

  /** Takes over nothing. */
  async #look(companyId: CompanyId, onSession: (session: Session) => void): Promise<CommandReply> {
    const session = this.#options.pool().get(companyId);
    if (!session) return { ok: true };
    onSession(session);
    return snapshotOf(session);
  }

  async #dispatch(companyId: CompanyId, input: Input): Promise<CommandReply> {
    const session = await this.#options.pool().acquire(companyId);
    if (session.machine.phase === 'blocked') {
      return refusal('CREDENTIALS_UNREADABLE', 'the stored credentials of the company cannot be read');
    }
    if (input.kind === 'request-code' && isCodeOnItsWay(session.machine, input.phoneNumber)) {
      return refusal('REQUEST_IN_PROGRESS', 'a pairing code for this phone number is being made already');
    }
    session.dispatch(input);
    return snapshotOf(session);
  }

  async #requestPairingCode(companyId: CompanyId, input: string | undefined): Promise<CommandReply> {
    if (!input?.trim()) return refusal('PHONE_REQUIRED', 'a pairing code needs the phone number to link');
    const phoneNumber = parsePhoneNumber(input);
    if (!phoneNumber) return refusal('INVALID_PHONE_FORMAT', 'not a phone number of 10 to 15 digits');
    return this.#dispatch(companyId, { kind: 'request-code', phoneNumber });
  }

  async #logOut(session: Session): Promise<CommandReply> {
    const { phase, state, linked } = session.machine;
    if (phase === 'resting' && state === 'starting' && !linked) {
      // Taken over for this command alone, and there is nothing to log out.
      await session.release();
      return { ok: true };
    }
    session.dispatch({ kind: 'logout' });
    await session.ended;
    return snapshotOf(session);
  }

  /** What can be said while the stream or the database keeps the command waiting. */
  #inTheMeantime(companyId: CompanyId): CommandReply {
    const event = this.#options.pool().get(companyId)?.lastEvent;
    if (!event) return refusal('INTERNAL', 'the session could not be taken over in time');
    return { ok: true, event: toSnapshot(event, Date.now()) };
  }
}

async function snapshotOf(session: Session): Promise<CommandReply> {
  const event = await session.snapshot();
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
