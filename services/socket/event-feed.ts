import type { LiveMessage } from '../../shared/bus/event-feed.ts';
import { decodeEvent } from '../../shared/contract/decode-event.ts';
import type { SessionEvent } from '../../shared/contract/events.ts';
import { companyIdOfEventsSubject } from '../../shared/contract/subjects.ts';
import type { Clock } from './clock.ts';
import type { LiveDelivery, SocketInstruments } from './instruments.ts';
import type { Room, Rooms } from './rooms.ts';
import type { CorkedWrites } from './screen/corked-writes.ts';
import { liveExpiry } from './screen/expiry.ts';
import type { Screen } from './screen/screen.ts';
import { seenPositionOf } from './screen/session-emits.ts';
import { traceDelivery } from './telemetry/delivery-trace.ts';
import { hashOfBody } from './upstream/stored-state.ts';

export interface EventFeedOptions {
  readonly rooms: Rooms;
  readonly screen: Screen;
  readonly writes: CorkedWrites;
  readonly clock: Clock;
  readonly instruments: SocketInstruments;
  /** When the stream was created, in ms since the epoch, if known. */
  readonly streamCreatedAtMs: () => number | undefined;
  /** Events of the company did not arrive, so others may be missing too. */
  readonly onGap: () => void;
}

/** The live path: one look-up for a company without browsers here, one emit for the others. */
export class EventFeed {
  readonly #options: EventFeedOptions;

  constructor(options: EventFeedOptions) {
    this.#options = options;
  }

  /** Takes any message on an events subject. Whatever is wrong with one is counted, and the next goes through. */
  readonly receive = (message: LiveMessage): void => {
    const { rooms, clock, instruments } = this.#options;
    const companyId = companyIdOfEventsSubject(message.subject);
    if (companyId === undefined) {
      instruments.invalid('subject', 'not a canonical company id');
      return;
    }
    const room = rooms.get(companyId);
    if (!room) {
      instruments.noAudience(companyId);
      return;
    }
    const receivedUs = clock.wallMicros();
    const decoded = decodeEvent(companyId, message.body);
    if (!decoded.ok) {
      instruments.dropped(companyId, decoded.reason, decoded.detail);
      return;
    }
    const { event } = decoded;
    const { verdict, gap } = room.marks.judgeLive(event, () => hashOfBody(message.body));
    if (verdict === 'newest') this.#show(room, event, { message, receivedUs });
    // A held event is newer, but an operator's word stands against it: for the page it comes too late.
    else instruments.notShown(event, verdict === 'duplicate' ? 'duplicate' : 'stale');
    if (gap) this.#options.onGap();
  };

  #show(room: Room, event: SessionEvent, { message, receivedUs }: { message: LiveMessage; receivedUs: number }): void {
    const { clock, instruments, screen, writes, streamCreatedAtMs } = this.#options;
    const { companyId, size: roomSize } = room;
    try {
      const shown = { event, expiry: liveExpiry(event, clock.monotonicMs()), stream: streamCreatedAtMs() };
      if (room.aheadOf(seenPositionOf(shown)).length === roomSize) {
        screen.show(room, shown);
        instruments.notShown(event, 'stale');
        return;
      }
      traceDelivery({ companyId, event, roomSize, header: (name) => message.header(name) }, (exemplar) => {
        // A sampled emit is written by itself, so that its span and exemplar are about nothing else.
        if (exemplar) writes.flush();
        const startedUs = clock.wallMicros();
        screen.show(room, shown);
        if (exemplar) writes.flush();
        const times = { receivedUs, startedUs, roomSize, exemplar };
        writes.onWritten((endedUs) => this.#emitted(event, { ...times, endedUs }));
      });
    } catch (error) {
      instruments.emitFailed(event, error);
    }
  }

  /** Nobody else would catch it. */
  #emitted(event: SessionEvent, delivery: LiveDelivery): void {
    const { instruments } = this.#options;
    try {
      instruments.emitted(event, delivery);
    } catch (error) {
      instruments.emitFailed(event, error);
    }
  }
}
