import type { EventType, SessionEvent } from '../../shared/contract/events.ts';
import { comparePositions, positionOf, type Position } from '../../shared/contract/position.ts';

/**
 * What to do with an event. `newest`: show it. `held`: newer, but a `connected` published by hand stays on the page.
 * `shown`: the page shows it, or something published by hand after it. `duplicate` and `stale`: never show it.
 * `overtaken`: a live event came while it was read, so the read says nothing; read again.
 */
type LiveVerdict = 'newest' | 'held' | 'duplicate' | 'stale';
export type StoredVerdict = 'newest' | 'held' | 'shown' | 'stale' | 'overtaken';

export interface LiveJudgement {
  readonly verdict: LiveVerdict;
  /** Events between the last one and this one did not arrive: others may be missing too. */
  readonly gap: boolean;
}

/** The owner's steps before a connect: an operator who says `connected` by hand knows better. */
const BEFORE_CONNECT: ReadonlySet<EventType> = new Set(['starting', 'qr', 'pairing-code', 'pairing-code-error']);

/** What is on the page. A stored one published by hand has no place relative to the owner's events that were seen live. */
type Shown =
  | { readonly by: 'owner' }
  | { readonly by: 'hand'; readonly came: 'live' | 'stored'; readonly connected: boolean };

/**
 * The order of one company's events at this gateway. Owners number their events (epoch, seq), so a repeated or older one
 * is recognised whichever way it arrives. An event published by hand has no number: it is newest at its live arrival,
 * raises no mark, and is recognised in the stream by its hash.
 */
export class HighWaterMarks {
  #highest: Position | undefined;
  #shown: Shown | undefined;
  #handHash: string | undefined;
  #continuous = false;
  #liveCount = 0;
  /** The stream was created again: the next position may be lower, because its owner may have lost everything too. */
  #mayRestart = false;

  /** Rises with every live event that counted: the same number before and after a read means nothing overtook it. */
  get liveCount(): number {
    return this.#liveCount;
  }

  /** The newest position of the owner that was seen here. */
  get highest(): Position | undefined {
    return this.#highest;
  }

  /** Nobody listened for a while, so the next event may follow on any number without meaning a loss. */
  interrupt(): void {
    this.#continuous = false;
  }

  /**
   * The stream is another one. An owner that has kept its database goes on where it was; one that has lost it counts from
   * epoch 1 again. So the next event that is not the last one is newest, wherever it stands, and a `connected` published
   * by hand is no longer held against the owner. Reads under way are overtaken.
   */
  forgetOrder(): void {
    this.#mayRestart = true;
    this.#continuous = false;
    this.#liveCount += 1;
    this.#handHash = undefined;
    if (this.#shown?.by === 'hand') this.#shown = undefined;
  }

  /** @param hashOf computes the hash of the event's body; called for events published by hand only. */
  judgeLive(event: SessionEvent, hashOf: () => string): LiveJudgement {
    const position = positionOf(event);
    if (position === undefined) {
      this.#liveCount += 1;
      this.#handHash = hashOf();
      this.#shown = { by: 'hand', came: 'live', connected: event.type === 'connected' };
      return { verdict: 'newest', gap: false };
    }
    const order = this.#orderOf(position);
    if (order === 0) return { verdict: 'duplicate', gap: false };
    if (order < 0) return { verdict: 'stale', gap: false };
    const gap = this.#continuous && this.#highest !== undefined && !follows(position, this.#highest);
    this.#liveCount += 1;
    return { verdict: this.#raise(position, event.type), gap };
  }

  /** Whether an event of the stream has not been seen here: it was missed, or its live delivery is still under way. */
  isNews(event: SessionEvent, hashOf: () => string): boolean {
    const position = positionOf(event);
    if (position === undefined) return hashOf() !== this.#handHash;
    return this.#orderOf(position) > 0;
  }

  /**
   * Judges the company's last event of the stream.
   * @param liveCountBefore `liveCount` at the moment the read began.
   */
  judgeStored(event: SessionEvent, hashOf: () => string, liveCountBefore: number): StoredVerdict {
    if (this.#liveCount !== liveCountBefore) return 'overtaken';
    const position = positionOf(event);
    if (position === undefined) return this.#judgeStoredByHand(event, hashOf());
    const order = this.#orderOf(position);
    if (order < 0) return 'stale';
    // An equal one that follows on a stored event published by hand was the newer of the two: the stream's order decides.
    if (order === 0 && (this.#shown?.by !== 'hand' || this.#shown.came === 'live')) return 'shown';
    return this.#raise(position, event.type);
  }

  #judgeStoredByHand(event: SessionEvent, hash: string): StoredVerdict {
    if (hash === this.#handHash) return this.#shown?.by === 'hand' ? 'shown' : 'stale';
    this.#handHash = hash;
    this.#shown = { by: 'hand', came: 'stored', connected: event.type === 'connected' };
    return 'newest';
  }

  /** Negative for a position that was passed, 0 for the last one, positive for a new one. */
  #orderOf(position: Position): number {
    if (this.#highest === undefined) return 1;
    const order = comparePositions(position, this.#highest);
    // The last one published again: its owner has lost nothing.
    if (order === 0) this.#mayRestart = false;
    return order < 0 && this.#mayRestart ? 1 : order;
  }

  #raise(position: Position, type: EventType): 'newest' | 'held' {
    this.#mayRestart = false;
    this.#highest = position;
    this.#continuous = true;
    if (this.#holds(type)) return 'held';
    this.#shown = { by: 'owner' };
    return 'newest';
  }

  #holds(type: EventType): boolean {
    return this.#shown?.by === 'hand' && this.#shown.connected && BEFORE_CONNECT.has(type);
  }
}

function follows(next: Position, last: Position): boolean {
  return next.epoch === last.epoch ? next.seq === last.seq + 1 : next.seq === 1;
}
