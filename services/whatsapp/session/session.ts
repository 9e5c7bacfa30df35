import { ROOT_CONTEXT, context } from '@opentelemetry/api';
import type { CompanyId } from '../../../shared/contract/company-id.ts';
import type { OrderedEvent } from '../../../shared/contract/events.ts';
import { isTerminal, type SessionState } from '../../../shared/contract/session-state.ts';
import type { WallClock } from '../../../shared/lifecycle/wall-clock.ts';
import type { Instruments } from '../instruments.ts';
import type { EventPublisher } from '../publisher.ts';
import { CredentialsUnreadableError } from '../store/errors.ts';
import type { SessionRow, SessionStore } from '../store/session-store.ts';
import type { Address } from './address.ts';
import type { CompanionDevice, DeviceOwner, WhatsAppClient } from './companion-device.ts';
import { CurrentSocket } from './current-socket.ts';
import { initialMachine, type Effect, type Input, type Machine } from './machine.ts';
import { Outbox } from './outbox.ts';
import type { ReceivedMessage } from './received-message.ts';
import { toSnapshot, type Occurrence } from './session-event.ts';
import { SessionMeasures } from './session-measures.ts';
import { SessionRecord } from './session-record.ts';
import { step } from './state-machine.ts';

export interface SessionDeps {
  readonly store: SessionStore;
  readonly client: WhatsAppClient;
  readonly publisher: EventPublisher;
  readonly instruments: Instruments;
  readonly clock: WallClock;
  /** How long an unlinked session may rest before it is given up, in ms. */
  readonly idleMs: number;
  /** Takes the ownership anew, at an epoch above the given one and above any in the stream. */
  readonly raiseEpoch: (companyId: CompanyId, above: number) => Promise<number>;
  /** Whether nobody else was given the company meanwhile. */
  readonly isOwner: (companyId: CompanyId) => Promise<boolean>;
  /** Somebody wrote to the company. */
  readonly onMessage: (companyId: CompanyId, message: ReceivedMessage) => void;
}

/** A text can be sent only while the session is connected. */
export class NotConnectedError extends Error {
  readonly code = 'NOT_CONNECTED';

  constructor(companyId: CompanyId, state: SessionState) {
    super(`the WhatsApp of ${companyId} is not connected: ${state}`);
    this.name = 'NotConnectedError';
  }

  shouldRetry(): boolean {
    return true;
  }
}

/** Why a session is no longer held. */
export type SessionEnd = 'released' | 'fenced' | 'stopped';

const MAX_WAITING_EVENTS = 64;
/** Gateways say every 30 s that somebody is there; whoever has missed it three times is gone. */
const WATCHED_MS = 3 * 30_000;
/** How long an orderly stop waits for what is on its way. */
const FLUSH_TIMEOUT_MS = 3_000;

/** States that pass by themselves within seconds: not worth a write. */
const TRANSIENT: ReadonlySet<SessionState> = new Set(['starting', 'qr', 'pairing-code']);

/**
 * One company's session while this process owns it: feeds what happens into the state machine, carries out the effects,
 * and keeps stream and database in step with it. Every input is handled to its end, in the order of arrival.
 */
export class Session implements DeviceOwner {
  readonly companyId: CompanyId;
  /** Resolves once, when the session has let go of everything. */
  readonly ended: Promise<SessionEnd>;
  readonly #deps: SessionDeps;
  readonly #outbox: Outbox;
  readonly #record: SessionRecord;
  readonly #measures: SessionMeasures;
  readonly #socket: CurrentSocket;
  readonly #inputs: Input[] = [];
  readonly #settled = Promise.withResolvers<void>();
  readonly #resolveEnded: (end: SessionEnd) => void;
  #machine: Machine;
  #stateSince = Date.now();
  #device: CompanionDevice | undefined;
  /** Whether the stream has the newest event. */
  #newestStored: Promise<boolean> = Promise.resolve(false);
  #raisingEpoch: Promise<unknown> = Promise.resolve();
  #retryTimer: NodeJS.Timeout | undefined;
  #newsTimer: NodeJS.Timeout | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #busy = false;
  #ending: Promise<void> | undefined;

  private constructor(deps: SessionDeps, row: SessionRow) {
    this.companyId = row.companyId;
    this.#deps = deps;
    this.#machine = initialMachine(false);
    const { promise, resolve } = Promise.withResolvers<SessionEnd>();
    this.ended = promise;
    this.#resolveEnded = resolve;
    this.#outbox = new Outbox({
      epoch: row.epoch,
      maxWaiting: MAX_WAITING_EVENTS,
      send: (position, draft, onStamped) => deps.publisher.publish(this.companyId, position, draft, onStamped),
      raiseEpoch: (above) => this.#raiseEpoch(above),
      onFenced: () => this.#lose(),
      onDropped: ({ type }, cause) => deps.instruments.publishDropped(this.companyId, type, cause),
    });
    this.#measures = new SessionMeasures(row.companyId, deps.instruments);
    this.#socket = new CurrentSocket({
      ...deps,
      companyId: row.companyId,
      tell: (input) => this.dispatch(input),
      onMoved: () => this.#lose(),
    });
    this.#record = new SessionRecord({
      ...deps,
      companyId: row.companyId,
      epoch: () => this.epoch(),
      checkFenced: (epoch) => this.checkFenced(epoch),
    });
  }

  /** A session with its device loaded, which does nothing yet. Unreadable credentials make a blocked session. */
  static async load(deps: SessionDeps, row: SessionRow): Promise<Session> {
    const session = new Session(deps, row);
    try {
      session.#device = await deps.client.loadDevice(session);
      const { phoneNumber, lid, name } = row;
      const known = { ...(phoneNumber && { phoneNumber }), ...(lid && { lid }), ...(name && { name }) };
      const { linked, account } = session.#device;
      session.#machine = initialMachine(linked, linked ? { ...known, ...account } : {}, row.state);
    } catch (error) {
      if (!(error instanceof CredentialsUnreadableError)) throw error;
      deps.instruments.credentialsUnreadable(row.companyId, error);
      session.dispatch({ kind: 'credentials-unreadable' });
    }
    return session;
  }

  get machine(): Machine {
    return this.#machine;
  }

  /** When the current state was entered, in ms since the epoch. */
  get stateSince(): number {
    return this.#stateSince;
  }

  /** The newest event that has a place in the company's order. */
  get lastEvent(): OrderedEvent | undefined {
    return this.#outbox.last;
  }

  /** Whether every event of the session so far is decided. */
  get quiet(): boolean {
    return this.#outbox.idle && this.#ending === undefined && this.#machine.phase !== 'ended';
  }

  epoch(): number {
    return this.#outbox.epoch;
  }

  /** Resolves when the socket has got somewhere for the first time: open, closed, or a QR is shown. */
  settled(): Promise<void> {
    return Promise.race([this.#settled.promise, this.ended.then(() => undefined)]);
  }

  dispatch(input: Input): void {
    if (this.#ending) return;
    this.#inputs.push(input);
    if (this.#busy) return;
    this.#busy = true;
    // Now, not when the step is done: this is the moment that WhatsApp reported it.
    const occurred = this.#now();
    // A socket outlives the command that opened it, and is no part of that trace.
    context.with(ROOT_CONTEXT, () => {
      for (let next = this.#inputs.shift(); next && !this.#ending; next = this.#inputs.shift()) {
        this.#handle(next, occurred);
      }
    });
    this.#busy = false;
  }

  /** The current state as an answer to somebody who asks, once what led to it has a place; `undefined` before any event. */
  async snapshot(): Promise<OrderedEvent | undefined> {
    if (!this.#outbox.idle && this.#outbox.last?.state !== this.#machine.state) await this.#outbox.settled();
    const { last } = this.#outbox;
    return last && toSnapshot(last, Date.now());
  }

  /**
   * Sends a text and answers WhatsApp's id for it.
   * @throws NotConnectedError, NotOnWhatsAppError, or what the socket rejects with.
   */
  async sendText(to: Address, text: string): Promise<string> {
    const { phase, state } = this.#machine;
    const sent = phase === 'open' ? this.#socket.sendText(to, text) : undefined;
    if (!sent) throw new NotConnectedError(this.companyId, state);
    return sent;
  }

  /** Somebody is there: a session that rests is kept a little longer. */
  watch(): void {
    this.#watchIdleness(Math.max(this.#deps.idleMs, WATCHED_MS));
  }

  /** Publishes the current state again, as it was when it last changed. */
  republish(): void {
    const occurred = this.#now();
    const wallUs = this.#outbox.last?.occurredAt ?? occurred.wallUs;
    this.#publish(this.#machine.state, { ...occurred, wallUs }, true);
  }

  /** Takes up a row whose last state the stream may not have: publishes it again and lets go. */
  resumeFinal(state: SessionState): void {
    const ending = { reason: 'restored', willRetry: false };
    this.#machine = { ...this.#machine, state, phase: 'ended', ending };
    this.republish();
    void this.#release(state === 'logged-out' || state === 'failed');
  }

  /** Closes the socket in order and saves what is unsaved; publishes nothing. Idempotent. */
  stop(): Promise<void> {
    return this.#end('stopped', async () => {
      await this.#outbox.settled(FLUSH_TIMEOUT_MS);
      await this.#device?.flush(FLUSH_TIMEOUT_MS);
    });
  }

  /** Gives up a session that has nothing to tell. */
  release(): Promise<void> {
    return this.#end('released', async () => {});
  }

  /** Ends at once, with nothing saved and nothing published: somebody else holds the session, or may soon. Idempotent. */
  async lose(): Promise<void> {
    this.#lose();
    await this.ended;
  }

  async checkFenced(epoch: number): Promise<boolean> {
    await this.#raisingEpoch;
    if (epoch !== this.epoch()) return false;
    this.#lose();
    return true;
  }

  onSaveFailed(error: unknown): void {
    this.#deps.instruments.saveFailed(this.companyId, 'credentials', error);
  }

  #handle(input: Input, occurred: Occurrence): void {
    const before = this.#machine;
    const { machine, event, effects } = step(before, input, { nowMs: Date.now(), random: Math.random });
    this.#machine = machine;
    if (machine.state !== before.state) this.#stateSince = Date.now();
    this.#measures.handled(input, before, machine);
    // First of all: whatever is slower comes after the event is on its way.
    if (event) this.#publish(event, occurred);
    else if (input.kind === 'account' && machine.state === 'connected') void this.#record.save(machine, true);
    for (const effect of effects) this.#apply(effect);
    this.#watchIdleness();
    if (machine.phase !== 'opening' || machine.qr) this.#settled.resolve();
  }

  #publish(type: OrderedEvent['type'], occurred: Occurrence, republished = false): void {
    const machine = this.#machine;
    const worthSaving = !TRANSIENT.has(machine.state) && machine.phase !== 'blocked';
    const saveBefore = worthSaving && isTerminal(machine.state) && machine.state !== 'connected';
    // A crash before the stream has it leaves a row that says so. `connected` waits for nothing.
    if (saveBefore) void this.#record.save(machine, false);
    const stored = this.#outbox.push({ type, machine, occurred, republished });
    this.#newestStored = stored;
    if (worthSaving) void this.#confirm(machine, stored);
  }

  /** Unless the session has moved on, or is about to let go, which writes the row itself. */
  async #confirm(machine: Machine, stored: Promise<boolean>): Promise<void> {
    if (!(await stored)) return;
    if (this.#machine.state === machine.state && this.#machine.phase !== 'ended') {
      await this.#record.save(this.#machine, true);
    }
  }

  #apply(effect: Effect): void {
    switch (effect.kind) {
      case 'open-socket':
        this.#openSocket(effect);
        break;
      case 'close-socket':
        void this.#socket.close();
        break;
      case 'request-code':
        this.#socket.requestPairingCode(effect.phoneNumber);
        break;
      case 'tell-logout':
        this.#socket.logout();
        break;
      case 'schedule-retry':
        this.#retryTimer = setTimeout(() => this.dispatch({ kind: 'retry-due' }), effect.delayMs);
        break;
      case 'cancel-retry':
        clearTimeout(this.#retryTimer);
        break;
      case 'schedule-news':
        this.#newsTimer = setTimeout(() => this.dispatch({ kind: 'news-due' }), effect.delayMs);
        break;
      case 'release':
        void this.#release(effect.discard);
        break;
    }
  }

  #openSocket({ credentials, renewVersion = false }: Extract<Effect, { kind: 'open-socket' }>): void {
    if (!this.#device) return;
    this.#measures.socketOpening();
    if (credentials === 'fresh') this.#device.renew();
    this.#socket.open(this.#device, { isAwaited: credentials === 'fresh', renewVersion });
  }

  #watchIdleness(afterMs = this.#deps.idleMs): void {
    clearTimeout(this.#idleTimer);
    if (this.#machine.phase !== 'resting' || this.#machine.linked) return;
    this.#idleTimer = setTimeout(() => this.dispatch({ kind: 'idle-too-long' }), afterMs);
  }

  /** Only once the stream has the last event the credentials go, and only then the company is given up. */
  async #release(discard: boolean): Promise<void> {
    const stored = await this.#newestStored;
    if (this.#ending) return;
    await this.#end('released', async () => {
      // Not stored, because this process is stopping: the row says so, and the next boot goes on from there.
      if (!stored) return;
      this.#device?.dispose();
      if (discard) await this.#record.discardCredentials();
      await this.#record.save(this.#machine, true);
    });
    this.#deps.instruments.sessionReleased(this.companyId, this.#machine.state);
  }

  async #raiseEpoch(above: number): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#raisingEpoch = promise;
    try {
      return await this.#deps.raiseEpoch(this.companyId, above);
    } finally {
      // Writes that were refused meanwhile ask again once the outbox has the new epoch.
      setImmediate(resolve);
    }
  }

  #lose(): void {
    if (this.#ending) return;
    this.#deps.instruments.fenced(this.companyId, this.epoch());
    void this.#end('fenced', async () => {});
  }

  #end(end: SessionEnd, work: () => Promise<void>): Promise<void> {
    this.#ending ??= this.#letGo(end, work);
    return this.#ending;
  }

  async #letGo(end: SessionEnd, work: () => Promise<void>): Promise<void> {
    for (const timer of [this.#retryTimer, this.#newsTimer, this.#idleTimer]) clearTimeout(timer);
    await Promise.all([this.#socket.close(), work()]);
    this.#outbox.stop();
    this.#device?.dispose();
    this.#resolveEnded(end);
  }

  #now(): Occurrence {
    return { wallUs: this.#deps.clock.nowMicros(), monotonicMs: performance.now() };
  }
}
