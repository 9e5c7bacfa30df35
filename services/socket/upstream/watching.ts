import { reservedRangeOf, type CompanyId } from '../../../shared/contract/company-id.ts';
import { stateOf } from '../../../shared/contract/decode-event.ts';
import type { SessionState } from '../../../shared/contract/session-state.ts';
import { sleepUnlessAborted } from '../../../shared/lifecycle/abortable-sleep.ts';
import type { Room, Rooms } from '../rooms.ts';
import { forEachLimited } from './for-each-limited.ts';

export interface WatchingOptions {
  readonly rooms: Rooms;
  /** Tells the session's owner that somebody has the page open. May reject: the next round says it again. */
  readonly send: (companyId: CompanyId) => Promise<unknown>;
  readonly intervalMs?: number | undefined;
}

/** An owner gives an unlinked session up after three missed ones. */
const INTERVAL_MS = 30_000;
const PARALLEL = 16;

/** Sessions of these have an account: they stay without anybody watching. */
const LINKED: ReadonlySet<SessionState> = new Set(['linked', 'connected', 'disconnected']);

/** Tells the owners of unlinked sessions, at intervals, that somebody is still looking at them. */
export class Watching implements AsyncDisposable {
  readonly #options: WatchingOptions;
  readonly #stopped = new AbortController();
  readonly #loop: Promise<void>;

  constructor(options: WatchingOptions) {
    this.#options = options;
    this.#loop = this.#watch();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
  }

  async #watch(): Promise<void> {
    const { rooms, send, intervalMs = INTERVAL_MS } = this.#options;
    while (await sleepUnlessAborted(intervalMs, this.#stopped.signal)) {
      await forEachLimited(rooms.listOpen().filter(needsWatcher), PARALLEL, async ({ companyId, size }) => {
        if (size === 0 || this.#stopped.signal.aborted) return;
        await send(companyId).catch(() => undefined);
      });
    }
  }
}

function needsWatcher({ companyId, shown }: Room): boolean {
  return reservedRangeOf(companyId) === undefined && !(shown && LINKED.has(stateOf(shown.event)));
}
