import { positionOf } from '../contract/position.ts';
import { SESSION_STATES } from '../contract/session-state.ts';
import { compareSeen, type SeenPosition, type SessionStatePayload } from '../contract/socket-events.ts';

/** Lets no state through that is older than one already let through, whichever replica of the gateway sends it. */
export class SeenStates {
  #newest: SeenPosition | undefined;

  /** The newest position let through; what to put into `auth.seen` of the next handshake. */
  get newest(): SeenPosition | undefined {
    return this.#newest;
  }

  /**
   * False for a state that must not be shown: one older than what was seen, or one that this client does not know. A
   * state published by hand has no position: it passes and leaves the mark where it is.
   */
  admit(payload: SessionStatePayload): boolean {
    if (!SESSION_STATES.includes(payload.state)) return false;
    const place = positionOf(payload);
    if (place === undefined) return true;
    // A gateway that has just started does not know the stream yet: the one known so far is not newer than it.
    const stream = payload.stream ?? this.#newest?.stream;
    const position = { ...place, ...(stream !== undefined && { stream }) };
    if (this.#newest !== undefined && compareSeen(position, this.#newest) < 0) return false;
    this.#newest = position;
    return true;
  }
}
