import type { Msg } from 'nats';
import { EVENTS_WILDCARD } from '../contract/subjects.ts';
import { toBusError } from './bus-error.ts';
import type { BusConnection } from './connection.ts';
import { headersOf, readHeader } from './message-headers.ts';
import { natsOf } from './nats-connection.ts';

/** One message as it arrives, before anything is known to be right about it. */
export interface LiveMessage {
  readonly subject: string;
  readonly body: Uint8Array;
  /** Decoded on first use. Without regard to case; `undefined` when absent or when the headers are malformed. Never throws. */
  header(name: string): string | undefined;
}

export interface EventSubscription extends AsyncDisposable {
  /** False once drained, or when the server's permissions do not allow the subscription: nothing arrives any more. */
  readonly active: boolean;
  /** Delivers what has arrived and ends. Idempotent; never rejects. */
  drain(): Promise<void>;
}

/**
 * Live delivery of every company's events, at most once: what is published while this client is away, or is dropped for
 * a slow consumer, is in the stream alone. Messages of one subject arrive in order. `onMessage` runs synchronously for
 * each and must be quick; what it throws goes to `onError` (the connection's observer unless given) and costs that message alone. The subscription survives
 * reconnects.
 */
export function subscribeEvents(
  bus: BusConnection,
  onMessage: (message: LiveMessage) => void,
  onError: (error: unknown) => void = (error) => bus.reportListenerFailure(error),
): EventSubscription {
  let active = true;
  const subscription = natsOf(bus).subscribe(EVENTS_WILDCARD, {
    // An exception that left this callback would end the read loop of the whole connection.
    callback: (error, message) => {
      if (error) {
        active = false;
        onError(toBusError(error, `subscribe ${EVENTS_WILDCARD}`));
        return;
      }
      try {
        onMessage(new NatsLiveMessage(message));
      } catch (thrown) {
        onError(thrown);
      }
    },
  });
  let draining: Promise<void> | undefined;
  const drain = () => {
    active = false;
    // Rejects only when the subscription or the connection has ended already.
    draining ??= subscription.drain().catch(() => undefined);
    return draining;
  };
  return {
    get active() {
      return active && !bus.closed;
    },
    drain,
    [Symbol.asyncDispose]: drain,
  };
}

class NatsLiveMessage implements LiveMessage {
  readonly #message: Msg;

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
    return readHeader(headersOf(this.#message), name);
  }
}
