import type { Msg } from 'nats';
import { toBusError } from './bus-error.ts';
import type { BusConnection } from './connection.ts';
import { natsOf } from './nats-connection.ts';

/** A core subscription: at most once, in order per subject, in place again after every reconnect. */
export interface Subscription extends AsyncDisposable {
  /** False once drained, or when the server's permissions do not allow the subscription: nothing arrives any more. */
  readonly active: boolean;
  /** Delivers what has arrived and ends. Idempotent; never rejects. */
  drain(): Promise<void>;
}

export interface SubscribeOptions {
  readonly subject: string;
  readonly queue?: string;
  /** Runs synchronously for each message; what it throws costs that message alone. */
  readonly onMessage: (message: Msg) => void;
  /** What `onMessage` threw, and a refusal by the server. The connection's observer unless given. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/**
 * Subscribes with a callback from which nothing escapes: in `nats` 2.29.3 an exception there ends the read loop of the
 * whole connection.
 * @throws BusError `BUS_CLOSED` when the connection is closed or draining.
 */
export function subscribe(bus: BusConnection, options: SubscribeOptions): Subscription {
  const { subject, queue, onMessage, onError } = options;
  let active = true;
  const report = (error: unknown) => {
    try {
      if (onError) onError(error);
      else bus.reportListenerFailure(error);
    } catch (thrown) {
      bus.reportListenerFailure(thrown);
    }
  };
  const callback = (error: Error | null, message: Msg) => {
    if (error) {
      active = false;
      report(toBusError(error, `subscribe ${subject}`));
      return;
    }
    try {
      onMessage(message);
    } catch (thrown) {
      report(thrown);
    }
  };
  const drainSubscription = start(bus, subject, { callback, ...(queue && { queue }) });
  let draining: Promise<void> | undefined;
  const drain = () => {
    active = false;
    // Rejects only when the subscription or the connection has ended already.
    draining ??= drainSubscription().catch(() => undefined);
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

function start(
  bus: BusConnection,
  subject: string,
  options: { callback: (error: Error | null, message: Msg) => void; queue?: string },
): () => Promise<void> {
  try {
    const subscription = natsOf(bus).subscribe(subject, options);
    return () => subscription.drain();
  } catch (error) {
    throw toBusError(error, `subscribe ${subject}`);
  }
}
