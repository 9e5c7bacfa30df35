import { isFinalRefusal, type CommandErrorCode } from '../../../shared/contract/command-errors.ts';
import type { CommandName, CommandReply } from '../../../shared/contract/commands.ts';
import { reservedRangeOf, type CompanyId } from '../../../shared/contract/company-id.ts';
import { parsePhoneNumber, type PhoneNumber } from '../../../shared/contract/phone-number.ts';
import { sleepUnlessAborted } from '../../../shared/lifecycle/abortable-sleep.ts';
import { backoffMs } from '../../../shared/lifecycle/backoff.ts';
import type { SocketInstruments } from '../instruments.ts';
import type { Room, Viewer } from '../rooms.ts';
import type { Emitter } from '../screen/emitter.ts';
import { toSessionState } from '../screen/session-emits.ts';
import type { StoredState } from './stored-state.ts';

/** Commands that a browser causes. */
export type BrowserCommand = Extract<CommandName, 'start' | 'request-qr' | 'request-pairing-code'>;

export interface SessionCommandsOptions {
  /** Rejects with an error that carries a `code` when nobody answers. */
  readonly send: (companyId: CompanyId, name: BrowserCommand, phoneNumber?: PhoneNumber) => Promise<CommandReply>;
  readonly emitter: Emitter;
  readonly storedState: StoredState;
  readonly instruments: SocketInstruments;
  /** Monotonic, in ms. */
  readonly now: () => number;
  readonly retry?: { readonly baseMs: number; readonly maxMs: number } | undefined;
}

interface Asking {
  /** A person who waits for the answer: is shown it in any case. */
  readonly asker?: Viewer;
  readonly phoneNumber?: PhoneNumber;
}

type Failure = { readonly code: string; readonly shouldRetry: boolean };

/** Signs of a crowd or of a session that moves: gone before anybody could read about them. */
const PASSING: ReadonlySet<string> = new Set<CommandErrorCode>(['BUSY', 'NOT_OWNER', 'DEADLINE_PASSED']);

/** Shown to salon owners by existing clients verbatim. */
const RETRYING = 'Сервис WhatsApp временно недоступен. Пробуем ещё раз…';
const REFUSED = 'Не удалось выполнить запрос к WhatsApp. Обратитесь в поддержку.';

/**
 * Asks the owner of a session for things. What cannot be had now is told to the browser once and tried again in the
 * background, one attempt a company at a time, while somebody is there and does not know the state.
 */
export class SessionCommands implements AsyncDisposable {
  readonly #options: SessionCommandsOptions;
  readonly #retry: { readonly baseMs: number; readonly maxMs: number };
  readonly #stopped = new AbortController();
  readonly #recovering = new Map<string, Promise<void>>();
  /** Viewers whose `request-qr` is not answered yet: further ones change nothing. */
  readonly #requesting = new Set<Viewer>();
  /** Viewers whose `request-pairing-code` is not answered yet. */
  readonly #requestingCode = new Set<Viewer>();

  constructor(options: SessionCommandsOptions) {
    this.#options = options;
    this.#retry = options.retry ?? { baseMs: 1000, maxMs: 30_000 };
  }

  /** Starts or finds the session for a browser that has joined. `settled` resolves when it was shown what the stream holds. */
  async start(room: Room, viewer: Viewer, settled: Promise<void>): Promise<void> {
    if (!takesCommands(room)) return;
    const failure = await this.#ask(room, 'start');
    if (!failure) return;
    await settled;
    if (!room.has(viewer) || this.#isKnown(room)) return;
    this.#tell(viewer, failure);
    if (failure.shouldRetry) this.recover(room);
  }

  /** A person asked for a new QR. */
  async requestQr(room: Room, viewer: Viewer): Promise<void> {
    if (!takesCommands(room) || this.#requesting.has(viewer)) return;
    this.#requesting.add(viewer);
    try {
      const { version } = room;
      const failure = await this.#ask(room, 'request-qr', { asker: viewer });
      if (!failure || !room.has(viewer)) return;
      this.#tell(viewer, failure);
      if (failure.shouldRetry) this.#begin(room, 'request-qr', () => room.version === version);
    } finally {
      this.#requesting.delete(viewer);
    }
  }

  /**
   * A person wants to type a code on the phone with this number. The code comes as an event; what keeps it from coming
   * is told to the asker alone, and nothing is repeated behind his back: each code rings the phone.
   */
  async requestPairingCode(room: Room, viewer: Viewer, input: unknown): Promise<void> {
    if (!takesCommands(room)) return;
    const { emitter } = this.#options;
    const phoneNumber = parsePhoneNumber(input);
    if (!phoneNumber) {
      const isMissing = input === undefined || input === null || (typeof input === 'string' && input.trim() === '');
      emitter.pairingCodeError(viewer, isMissing ? 'PHONE_REQUIRED' : 'INVALID_PHONE_FORMAT');
      return;
    }
    if (this.#requestingCode.has(viewer)) {
      emitter.pairingCodeError(viewer, 'REQUEST_IN_PROGRESS');
      return;
    }
    this.#requestingCode.add(viewer);
    const failure = await this.#ask(room, 'request-pairing-code', { asker: viewer, phoneNumber });
    this.#requestingCode.delete(viewer);
    if (failure && room.has(viewer)) emitter.pairingCodeError(viewer, failure.code);
  }

  /** Nobody holds the session that the room waits for, whatever the page shows: somebody has to take it up. Never rejects. */
  async takeUp(room: Room): Promise<void> {
    if (takesCommands(room)) await this.#ask(room, 'start');
  }

  /** Asks the owner until the room's state is known again or nobody is there to see it. */
  recover(room: Room): void {
    if (takesCommands(room)) this.#begin(room, 'start', () => !this.#isKnown(room));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort();
    await Promise.all(this.#recovering.values());
  }

  #begin(room: Room, name: BrowserCommand, isWanted: () => boolean): void {
    const key = `${name} ${room.companyId}`;
    if (this.#recovering.has(key)) return;
    const recovering = this.#askWhileWanted(room, name, isWanted).finally(() => this.#recovering.delete(key));
    this.#recovering.set(key, recovering);
  }

  async #askWhileWanted(room: Room, name: BrowserCommand, isWanted: () => boolean): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      if (!(await sleepUnlessAborted(backoffMs(attempt, this.#retry), this.#stopped.signal))) return;
      if (room.size === 0 || !isWanted()) return;
      const failure = await this.#ask(room, name);
      // An answered `start` may still have left the state unknown: the session is on its way.
      if (failure ? !failure.shouldRetry : name === 'request-qr') return;
    }
  }

  /** Sends the command and applies the answer; answers what went wrong, if something did. Never rejects. */
  async #ask(room: Room, name: BrowserCommand, { asker, phoneNumber }: Asking = {}): Promise<Failure | undefined> {
    const { send, storedState, instruments } = this.#options;
    try {
      const reply = await send(room.companyId, name, phoneNumber);
      if (!reply.ok) {
        instruments.commandFailed(room.companyId, name, reply.error.code);
        return { code: reply.error.code, shouldRetry: !isFinalRefusal(reply.error.code) };
      }
      if (reply.event && room.size > 0) storedState.applyAnswer(room, reply.event, asker);
      return undefined;
    } catch (error) {
      const code = codeOf(error);
      instruments.commandFailed(room.companyId, name, code, error);
      return { code, shouldRetry: true };
    }
  }

  #tell(viewer: Viewer, { code, shouldRetry }: Failure): void {
    if (PASSING.has(code)) return;
    this.#options.emitter.error(viewer, shouldRetry ? RETRYING : REFUSED, code);
  }

  /** `starting` stands for everything that only its owner can lead on from. */
  #isKnown({ shown }: Room): boolean {
    return shown !== undefined && toSessionState(shown, this.#options.now()).state !== 'starting';
  }
}

/** The canary's and the load generator's companies have no session. */
function takesCommands({ companyId }: Room): boolean {
  return reservedRangeOf(companyId) === undefined;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'INTERNAL';
}
