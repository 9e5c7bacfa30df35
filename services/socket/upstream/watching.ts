import type { CommandReply } from '../../../shared/contract/commands.ts';
import { reservedRangeOf, type CompanyId } from '../../../shared/contract/company-id.ts';
import { stateOf } from '../../../shared/contract/decode-event.ts';
import type { SessionState } from '../../../shared/contract/session-state.ts';
import { sleepUnlessAborted } from '../../../shared/lifecycle/abortable-sleep.ts';
import type { Room, Rooms } from '../rooms.ts';
import { forEachLimited } from './for-each-limited.ts';

export interface WatchingOptions {
  readonly rooms: Rooms;
  /** Tells the session's owner that somebody has the page open. May reject: the next round says it again. */
  readonly send: (companyId: CompanyId) => Promise<CommandReply>;
  /** Nobody holds a session that was on its way: its owner is gone, and what the page shows leads nowhere. Never rejects. */
  readonly takeUp: (room: Room) => Promise<void>;
  readonly intervalMs?: number | undefined;
}

/** An owner gives an unlinked session up after three missed ones. */
const INTERVAL_MS = 30_000;
const PARALLEL = 16;
/** A replica that says that it is there takes commands a moment later. */
const SETTLE_MS = 1000;

/** Sessions of these have an account: they stay without anybody watching. */
const LINKED: ReadonlySet<SessionState> = new Set(['linked', 'connected', 'disconnected']);

/** States that only an owner leads on from. */
const UNDER_WAY: ReadonlySet<SessionState> = new Set(['starting', 'qr', 'pairing-code']);

/** Tells the owners of unlinked sessions, at intervals, that somebody is still looking at them. */
export class Watching implements AsyncDisposable {
  readonly #options: WatchingOptions;
  readonly #stopped = new AbortController();
  readonly #loop: Promise<void>;
  #wake = new AbortController();

  constructor(options: WatchingOptions) {
    this.#options = options;
    this.#loop = this.#watch();
  }

  /** Owners may have changed: looks within a moment, once for any number of calls. */
  lookSoon(): void {
    this.#wake.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort();
    this.#wake.abort();
    await this.#loop;
  }

  async #watch(): Promise<void> {
    const { rooms, intervalMs = INTERVAL_MS } = this.#options;
    while (!this.#stopped.signal.aborted) {
      const isDue = await sleepUnlessAborted(intervalMs, this.#wake.signal);
      if (!isDue) await sleepUnlessAborted(SETTLE_MS, this.#stopped.signal);
      if (this.#stopped.signal.aborted) return;
      this.#wake = new AbortController();
      await forEachLimited(rooms.listOpen().filter(needsWatcher), PARALLEL, (room) => this.#tellOwner(room));
    }
  }

  async #tellOwner(room: Room): Promise<void> {
    if (room.size === 0 || this.#stopped.signal.aborted) return;
    const reply = await this.#options.send(room.companyId).catch(() => undefined);
    const isHeld = !reply?.ok || reply.event !== undefined;
    if (!isHeld && room.size > 0 && room.shown && UNDER_WAY.has(stateOf(room.shown.event))) {
      await this.#options.takeUp(room);
    }
  }
}

function needsWatcher({ companyId, shown }: Room): boolean {
  return reservedRangeOf(companyId) === undefined && !(shown && LINKED.has(stateOf(shown.event)));
}
