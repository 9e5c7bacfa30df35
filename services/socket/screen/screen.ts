import { LONGEST_TIMER_MS } from '../../../shared/lifecycle/longest-timer.ts';
import type { Room, Viewer } from '../rooms.ts';
import type { Emitter } from './emitter.ts';
import { nextExpiryMs } from './expiry.ts';
import type { ShownState } from './session-emits.ts';

export interface ScreenOptions {
  readonly emitter: Emitter;
  /** Monotonic, in ms. */
  readonly now: () => number;
  /** A QR or code has expired and no newer state has come for a while: its owner may be gone. */
  readonly onOutdated: (room: Room) => void;
  /** How long after an expiry the owner's next state is awaited, in ms. Owners renew a QR just when it expires. */
  readonly graceMs?: number | undefined;
}

/** Who was brought up to date, by what they knew. */
export interface CaughtUp {
  /** Was shown an earlier state: has missed this one. */
  readonly missed: readonly Viewer[];
  /** Was shown nothing before: has just joined. */
  readonly joined: readonly Viewer[];
}

/** What the rooms show. Takes an expired QR or code off the pages by itself, whatever becomes of its owner. */
export class Screen implements Disposable {
  readonly #emitter: Emitter;
  readonly #now: () => number;
  readonly #onOutdated: (room: Room) => void;
  readonly #graceMs: number;
  /** What is awaited for the state that a room shows: first its expiry, then its owner's next word. */
  readonly #awaited = new Map<Room, { readonly shown: ShownState | undefined; readonly timer: NodeJS.Timeout }>();

  constructor({ emitter, now, onOutdated, graceMs = 2000 }: ScreenOptions) {
    this.#emitter = emitter;
    this.#now = now;
    this.#onOutdated = onOutdated;
    this.#graceMs = graceMs;
  }

  /** Shows a new state to the whole room at once. */
  show(room: Room, shown: ShownState): void {
    room.moveTo(shown);
    this.#emitter.toRoom(room);
    this.#watchExpiry(room);
  }

  /** Shows the room's state to everybody in it who was not shown it yet. */
  catchUp(room: Room): CaughtUp {
    const missed: Viewer[] = [];
    const joined: Viewer[] = [];
    const { shown } = room;
    if (!shown) return { missed, joined };
    for (const { viewer, knowsEarlier } of room.behind()) {
      const emitted = this.#emitter.toViewer(room, viewer, { shown, mode: knowsEarlier ? 'change' : 'snapshot' });
      room.markShown(viewer);
      if (emitted) (knowsEarlier ? missed : joined).push(viewer);
    }
    this.#watchExpiry(room);
    return { missed, joined };
  }

  /** Shows the room's state to one browser again. */
  repeat(room: Room, viewer: Viewer): void {
    if (room.shown) this.#emitter.toViewer(room, viewer, { shown: room.shown, mode: 'snapshot' });
  }

  [Symbol.dispose](): void {
    for (const { timer } of this.#awaited.values()) clearTimeout(timer);
    this.#awaited.clear();
  }

  #watchExpiry(room: Room): void {
    const awaited = this.#awaited.get(room);
    // A room is brought up to date far more often than its state changes.
    if (awaited && awaited.shown === room.shown) return;
    clearTimeout(awaited?.timer);
    this.#awaited.delete(room);
    const untilMs = room.shown && nextExpiryMs(room.shown.expiry, this.#now());
    if (untilMs !== undefined) this.#later(room, untilMs - this.#now(), () => this.#expire(room));
  }

  #expire(room: Room): void {
    this.#awaited.delete(room);
    // Timers may fire a fraction of a ms early; then it is not over yet.
    this.#watchExpiry(room);
    if (room.size === 0) return;
    const { shown } = room;
    this.#emitter.toRoom(room);
    if (this.#awaited.has(room)) return;
    this.#later(room, this.#graceMs, () => {
      this.#awaited.delete(room);
      if (room.size > 0 && room.shown === shown) this.#onOutdated(room);
    });
  }

  #later(room: Room, ms: number, run: () => void): void {
    const delayMs = Math.min(Math.max(1, Math.ceil(ms)), LONGEST_TIMER_MS);
    this.#awaited.set(room, { shown: room.shown, timer: setTimeout(run, delayMs) });
  }
}
