import { hash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StoredEvent } from '../../../shared/bus/last-event.ts';
import type { CompanyId } from '../../../shared/contract/company-id.ts';
import { decodeEvent } from '../../../shared/contract/decode-event.ts';
import type { SessionEvent } from '../../../shared/contract/events.ts';
import type { Clock } from '../clock.ts';
import type { SocketInstruments } from '../instruments.ts';
import type { Room, Viewer } from '../rooms.ts';
import { EXPIRED, nextExpiryMs, storedExpiry, type Expiry } from '../screen/expiry.ts';
import type { CaughtUp, Screen } from '../screen/screen.ts';
import { traceDelivery } from '../telemetry/delivery-trace.ts';
import type { RefreshReason } from './refresh-reason.ts';

export interface StoredStateOptions {
  readonly read: (companyId: CompanyId) => Promise<StoredEvent | undefined>;
  readonly screen: Screen;
  readonly clock: Clock;
  readonly instruments: SocketInstruments;
  /** The owner's clock minus the own one in ms, if known. */
  readonly clockOffsetMs: () => number | undefined;
  /** When the stream was created, in ms since the epoch, if known. */
  readonly streamCreatedAtMs: () => number | undefined;
  /** The room was shown what the stream holds, which may be nothing. */
  readonly onRead: (room: Room) => void;
  /** Nobody but the owner can say whether the room's QR is still valid. */
  readonly onUnknownAge: (room: Room) => void;
}

/** Reads of one refresh that live events may overtake; each of them has shown the room something newer. */
const MAX_OVERTAKEN = 5;

/**
 * How long an audit gives live delivery to bring what the stream already has, in ms: in a cluster the two take different
 * ways, and only what really was lost may count as repaired.
 */
const LIVE_DELIVERY_MS = 250;

/** The hash by which an event that was published by hand is recognised in the stream. */
export function hashOfBody(body: Uint8Array): string {
  return hash('sha256', body, 'base64');
}

interface Read {
  readonly stored: StoredEvent;
  readonly decoded: ReturnType<typeof decodeEvent>;
  /** When the read began. */
  readonly liveCount: number;
  readonly reason: RefreshReason;
}

function isNews({ marks }: Room, { stored, decoded }: Read): boolean {
  return decoded.ok && marks.isNews(decoded.event, () => hashOfBody(stored.body));
}

/** Brings rooms to the state that the stream holds. */
export class StoredState {
  readonly #options: StoredStateOptions;

  constructor(options: StoredStateOptions) {
    this.#options = options;
  }

  /**
   * Reads the company's last event, moves the room on if that is newer, and shows the state to whoever was not shown it.
   * False when the stream could not be read. Never rejects.
   */
  async refresh(room: Room, reason: RefreshReason): Promise<boolean> {
    try {
      for (let reads = 0; reads < MAX_OVERTAKEN; reads += 1) {
        const liveCount = room.marks.liveCount;
        const stored = await this.#options.read(room.companyId);
        if (room.size === 0) return true;
        if (!stored) {
          this.#catchUp(room);
          break;
        }
        const decoded = decodeEvent(room.companyId, stored.body);
        const read = { stored, decoded, liveCount, reason };
        if (reason === 'audit' && isNews(room, read)) await sleep(LIVE_DELIVERY_MS);
        if (this.#apply(room, read)) break;
      }
      this.#options.onRead(room);
      return true;
    } catch (error) {
      this.#options.instruments.readFailed(room.companyId, reason, error);
      return false;
    }
  }

  /**
   * Moves the room to the snapshot that the session's owner answered, unless the room is ahead of it, and shows where the
   * room stands to the one who asked, even if he was shown it before: he waits for an answer.
   */
  applyAnswer(room: Room, event: SessionEvent, asker?: Viewer): void {
    const verdict =
      event.epoch === undefined
        ? this.#verdictWithoutPosition(room)
        : room.marks.judgeStored(event, () => '', room.marks.liveCount);
    if (verdict === 'newest') this.#moveTo(room, event, this.#expiryOf(event) ?? EXPIRED);
    if (verdict === 'shown') this.#revive(room, event);
    const { joined, missed } = this.#options.screen.catchUp(room);
    if (asker && !joined.includes(asker) && !missed.includes(asker)) this.#options.screen.repeat(room, asker);
  }

  #verdictWithoutPosition(room: Room): 'newest' | 'stale' {
    return room.shown === undefined ? 'newest' : 'stale';
  }

  /** False when a live event overtook the read. */
  #apply(room: Room, { stored, decoded, liveCount, reason }: Read): boolean {
    if (!decoded.ok) {
      this.#options.instruments.storedInvalid(room.companyId, decoded.reason);
      this.#catchUp(room);
      return true;
    }
    const { event } = decoded;
    const verdict = room.marks.judgeStored(event, () => hashOfBody(stored.body), liveCount);
    if (verdict === 'overtaken') return false;
    if (verdict === 'newest') this.#move(room, event);
    if (verdict === 'shown') this.#revive(room, event);
    if (verdict === 'newest' && room.behind().some(({ knowsEarlier }) => knowsEarlier)) {
      const { companyId, size: roomSize } = room;
      traceDelivery({ companyId, event, roomSize, header: (name) => stored.header(name) }, (exemplar) => {
        const caughtUp = this.#catchUp(room);
        this.#options.instruments.repaired(event, { reason, missed: caughtUp.missed.length, exemplar });
      });
    } else {
      this.#catchUp(room);
    }
    return true;
  }

  #move(room: Room, event: SessionEvent): void {
    const expiry = this.#expiryOf(event);
    this.#moveTo(room, event, expiry ?? EXPIRED);
    if (expiry === undefined) this.#options.onUnknownAge(room);
  }

  /** The same event may turn out to be valid still, once the clocks are known or its owner has renewed it. */
  #revive(room: Room, event: SessionEvent): void {
    const { shown } = room;
    // An operator's event may stand on the page instead.
    if (!shown || shown.event.epoch !== event.epoch || shown.event.seq !== event.seq) return;
    const expiry = this.#expiryOf(event);
    const nowMs = this.#options.clock.monotonicMs();
    if (!expiry || nextExpiryMs(shown.expiry, nowMs) !== undefined) return;
    if (nextExpiryMs(expiry, nowMs) !== undefined) this.#moveTo(room, event, expiry);
  }

  #moveTo(room: Room, event: SessionEvent, expiry: Expiry): void {
    room.moveTo({ event, expiry, stream: this.#options.streamCreatedAtMs() });
  }

  #catchUp(room: Room): CaughtUp {
    const caughtUp = this.#options.screen.catchUp(room);
    const event = room.shown?.event;
    if (event) for (const viewer of caughtUp.joined) this.#options.instruments.joined(event, viewer);
    return caughtUp;
  }

  #expiryOf(event: SessionEvent): Expiry | undefined {
    const { clock, clockOffsetMs } = this.#options;
    const expiry = storedExpiry(event, {
      nowMs: clock.monotonicMs(),
      wallMs: clock.wallMicros() / 1000,
      offsetMs: clockOffsetMs(),
    });
    return expiry === 'unknown' ? undefined : expiry;
  }
}
