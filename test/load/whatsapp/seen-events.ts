import type { BusConnection } from '../../../shared/bus/connection.ts';
import { subscribeEvents, type EventSubscription } from '../../../shared/bus/event-feed.ts';
import type { CompanyId } from '../../../shared/contract/company-id.ts';
import { decodeEvent } from '../../../shared/contract/decode-event.ts';
import type { SessionEvent } from '../../../shared/contract/events.ts';
import { comparePositions, positionOf, type Position } from '../../../shared/contract/position.ts';
import { companyIdOfEventsSubject } from '../../../shared/contract/subjects.ts';
import type { ConnectedArrival } from '../generator/browsers.ts';

/** What was published, by a subscriber of its own. */
export class SeenEvents {
  readonly positions = new Map<CompanyId, Position[]>();
  readonly #last = new Map<CompanyId, SessionEvent>();
  readonly #occurredUs = new Map<string, number>();
  count = 0;

  /** Takes every event from now on, until the subscription is disposed of. */
  follow(bus: BusConnection): EventSubscription {
    return subscribeEvents(bus, ({ subject, body }) => this.#take(subject, body));
  }

  #take(subject: string, body: Uint8Array): void {
    const companyId = companyIdOfEventsSubject(subject);
    const decoded = companyId && decodeEvent(companyId, body);
    if (!companyId || !decoded?.ok) return;
    const { event } = decoded;
    const position = positionOf(event);
    const known = this.positions.get(companyId) ?? [];
    const end = known.at(-1);
    // Core subscribers see repeated publishes too.
    if (!position || (end && comparePositions(position, end) <= 0)) return;
    known.push(position);
    this.positions.set(companyId, known);
    this.#last.set(companyId, event);
    if (event.occurredAt !== undefined)
      this.#occurredUs.set(`${companyId}:${position.epoch}:${position.seq}`, event.occurredAt);
    this.count += 1;
  }

  last(companyId: CompanyId): SessionEvent | undefined {
    return this.#last.get(companyId);
  }

  /** µs since the epoch. */
  occurredUs({ companyId, epoch, seq }: ConnectedArrival): number | undefined {
    return this.#occurredUs.get(`${companyId}:${epoch}:${seq}`);
  }
}
