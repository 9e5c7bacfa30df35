import { setTimeout as sleep } from 'node:timers/promises';
import { asCanonicalCompanyId, type CompanyId } from '../../../shared/contract/company-id.ts';
import { isTerminal, type SessionState } from '../../../shared/contract/session-state.ts';
import { backoffMs } from '../../../shared/lifecycle/backoff.ts';
import { LeaseLostError, NotOwnerError } from '../store/errors.ts';
import type { SessionRow } from '../store/session-store.ts';
import { Session, type SessionDeps } from './session.ts';

/** The replica holds as many sessions as it may. */
export class SessionLimitError extends Error {
  readonly code = 'SESSION_LIMIT';

  constructor(max: number) {
    super(`this replica holds ${max} sessions already; MAX_SESSIONS is the wall`);
    this.name = 'SessionLimitError';
  }

  shouldRetry(): boolean {
    return true;
  }
}

export interface SessionPoolOptions extends Omit<SessionDeps, 'raiseEpoch'> {
  readonly maxSessions: number;
  /** Sessions that are brought back at the same time. */
  readonly restoreConcurrency: number;
  /**
   * Takes the company over, or takes it anew, at an epoch above `atLeastEpoch` and above any in the stream.
   * @throws NotOwnerError, LeaseLostError
   */
  readonly takeOver: (companyId: CompanyId, atLeastEpoch: number) => Promise<SessionRow>;
  /** Lets somebody else take what was taken over at `epoch`. Never rejects. */
  readonly letGo: (companyId: CompanyId, epoch: number) => Promise<void>;
  /** The session is held from now on; what is answered is undone before it is let go. */
  readonly onHeld: (session: Session) => AsyncDisposable;
}

const RAISE_BACKOFF = { baseMs: 250, maxMs: 10_000 };

/** The sessions of this process, at most one a company and `maxSessions` together. They outlive browsers. */
export class SessionPool {
  readonly #options: SessionPoolOptions;
  readonly #deps: SessionDeps;
  readonly #sessions = new Map<CompanyId, Session>();
  /** Acquisitions under way: nobody starts a second one for the same company. */
  readonly #acquiring = new Map<CompanyId, Promise<Session>>();
  /** One a session that is held or not yet let go. */
  readonly #leaving = new Set<Promise<void>>();
  /** How often everything was lost: what was being acquired meanwhile is lost as well. */
  #losses = 0;
  readonly #stop = new AbortController();

  constructor(options: SessionPoolOptions) {
    this.#options = options;
    this.#deps = { ...options, raiseEpoch: (companyId, above) => this.#raiseEpoch(companyId, above) };
  }

  get(companyId: CompanyId): Session | undefined {
    return this.#sessions.get(companyId);
  }

  /** Sessions held, and about to be. */
  get size(): number {
    return this.#sessions.size + this.#acquiring.size;
  }

  all(): readonly Session[] {
    return [...this.#sessions.values()];
  }

  /**
   * The company's session, taken over when this process does not hold it. A session that is about to let go is waited
   * for and followed by a new one.
   * @throws SessionLimitError; NotOwnerError when another replica holds it, or will because this one stops; or what the
   * store and the stream reject with.
   */
  async acquire(companyId: CompanyId): Promise<Session> {
    if (this.#stop.signal.aborted) throw new NotOwnerError(companyId, undefined);
    const held = this.#sessions.get(companyId);
    if (held && held.machine.phase !== 'ended') return held;
    if (held) {
      await held.ended;
      return this.acquire(companyId);
    }
    const running = this.#acquiring.get(companyId);
    if (running) return running;
    if (this.size >= this.#options.maxSessions) {
      throw new SessionLimitError(this.#options.maxSessions);
    }
    const acquiring = this.#acquire(companyId).finally(() => this.#acquiring.delete(companyId));
    this.#acquiring.set(companyId, acquiring);
    return acquiring;
  }

  /** Whether the company is held, or about to be. */
  has(companyId: CompanyId): boolean {
    return this.#sessions.has(companyId) || this.#acquiring.has(companyId);
  }

  /**
   * Takes up at most `limit` of the sessions that nobody holds and the store knows credentials or an unconfirmed end of,
   * whichever; one that fails costs only itself, and one that another replica was faster to take costs nothing.
   */
  async restore(limit = Infinity): Promise<void> {
    const rows = shuffle(await this.#options.store.listRestorable()).slice(0, limit);
    const waiting = [...rows];
    let restored = 0;
    const work = async () => {
      for (let row = waiting.shift(); row && !this.#stop.signal.aborted; row = waiting.shift()) {
        if (await this.#restoreOne(row)) restored += 1;
      }
    };
    await Promise.all(Array.from({ length: this.#options.restoreConcurrency }, work));
    this.#options.instruments.restored(restored, rows.length);
  }

  /** Lets go of every session in order; their sockets are closed, their states saved. Idempotent. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error('the service is stopping'));
    await Promise.allSettled(this.#acquiring.values());
    await Promise.all(this.all().map((session) => session.stop()));
    await Promise.all(this.#leaving);
  }

  /** Ends every session at once, saves nothing and publishes nothing: the right to hold them is over. */
  async lose(): Promise<void> {
    this.#losses += 1;
    await Promise.all(this.all().map((session) => session.lose()));
  }

  async #acquire(companyId: CompanyId): Promise<Session> {
    const losses = this.#losses;
    const row = await this.#options.takeOver(companyId, 0);
    let session: Session;
    try {
      session = await Session.load(this.#deps, row);
    } catch (error) {
      await this.#options.letGo(companyId, row.epoch);
      throw error;
    }
    this.#sessions.set(companyId, session);
    const held = this.#options.onHeld(session);
    const leaving = session.ended.then(async () => {
      this.#sessions.delete(companyId);
      await held[Symbol.asyncDispose]();
      await this.#options.letGo(companyId, session.epoch());
      this.#leaving.delete(leaving);
    });
    this.#leaving.add(leaving);
    if (this.#stop.signal.aborted) await session.stop();
    if (losses !== this.#losses) await session.lose();
    return session;
  }

  async #restoreOne(row: SessionRow): Promise<boolean> {
    const companyId = asCanonicalCompanyId(row.companyId);
    if (!companyId) return false;
    try {
      const session = await this.acquire(companyId);
      await takeUp(session, row);
      return true;
    } catch (error) {
      const isExpected = [NotOwnerError, LeaseLostError, SessionLimitError].some((known) => error instanceof known);
      if (!this.#stop.signal.aborted && !isExpected) this.#options.instruments.restoreFailed(companyId, error);
      return false;
    }
  }

  /** Repeated until it succeeds: without a position of its own the session cannot publish at all. */
  async #raiseEpoch(companyId: CompanyId, above: number): Promise<number> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return (await this.#options.takeOver(companyId, above)).epoch;
      } catch (error) {
        this.#stop.signal.throwIfAborted();
        if (error instanceof NotOwnerError || error instanceof LeaseLostError) {
          // Not awaited: the session waits for this very answer first.
          void this.get(companyId)?.lose();
          throw error;
        }
        this.#options.instruments.saveFailed(companyId, 'state', error);
        await sleep(backoffMs(attempt, RAISE_BACKOFF), undefined, { signal: this.#stop.signal });
      }
    }
  }
}

/** Replicas that look at once should not all reach for the same one first. */
function shuffle<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

/** Continues where the row ends, and holds its place among those being restored until the socket has got somewhere. */
async function takeUp(session: Session, { state, confirmed }: SessionRow): Promise<void> {
  const { phase, linked } = session.machine;
  // Blocked, or somebody who asked for the session has already started it.
  if (phase !== 'resting' || session.lastEvent) return;
  const unconfirmedEnd = state !== undefined && !confirmed && isTerminal(state);
  if (unconfirmedEnd && (isOver(state) || (!linked && state !== 'connected'))) {
    session.resumeFinal(state);
    return;
  }
  if (!linked) {
    // The stream says connected, and the credentials that made it so are gone.
    if (state === 'connected') session.resumeFinal('logged-out');
    else await session.release();
    return;
  }
  session.dispatch({ kind: 'start' });
  await session.settled();
}

function isOver(state: SessionState): boolean {
  return state === 'logged-out' || state === 'failed';
}
