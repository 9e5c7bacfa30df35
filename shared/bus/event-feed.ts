import type { Msg } from 'nats';
import type { CompanyId } from '../contract/company-id.ts';
import { EVENTS_WILDCARD, eventsSubject } from '../contract/subjects.ts';
import type { BusConnection } from './connection.ts';
import { findHeader, headerBlockOf } from './message-headers.ts';
import { subscribe, type Subscription } from './subscription.ts';

/** One message as it arrives, before anything is known to be right about it. */
export interface LiveMessage {
  readonly subject: string;
  readonly body: Uint8Array;
  /** Read on first use. Without regard to case, malformed lines aside; `undefined` when absent. Never throws. */
  header(name: string): string | undefined;
}

export type EventSubscription = Subscription;

/**
 * Live delivery of every company's events, at most once: what is published while this client is away, or is dropped for
 * a slow consumer, is in the stream alone. Messages of one subject arrive in order. `onMessage` runs synchronously for
 * each and must be quick; what it throws goes to `onError` (the connection's observer unless given) and costs that
 * message alone. The subscription survives reconnects.
 * @throws BusError `BUS_CLOSED` when the connection is closed.
 */
export function subscribeEvents(
  bus: BusConnection,
  onMessage: (message: LiveMessage) => void,
  onError?: (error: unknown) => void,
): EventSubscription {
  return subscribe(bus, {
    subject: EVENTS_WILDCARD,
    onMessage: (message) => onMessage(new NatsLiveMessage(message)),
    onError,
  });
}

/** As `subscribeEvents`, for the events of one company. */
export function subscribeCompanyEvents(
  bus: BusConnection,
  companyId: CompanyId,
  onMessage: (message: LiveMessage) => void,
): EventSubscription {
  return subscribe(bus, {
    subject: eventsSubject(companyId),
    onMessage: (message) => onMessage(new NatsLiveMessage(message)),
  });
}

class NatsLiveMessage implements LiveMessage {
  readonly #message: Msg;
  #block: string | undefined;

  constructor(message: Msg) {
    this.#message = message;
  }

  get subject(): string {
    return this.#message.subject;
  }

  get body(): Uint8Array {
    return this.#message.data;
  }

  header(name: string): string | undefined {
    this.#block ??= headerBlockOf(this.#message) ?? '';
    return findHeader(this.#block, name);
  }
}
