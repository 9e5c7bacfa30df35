import { createInbox, type Msg, type MsgHdrs } from 'nats';
import { BusError, toBusError } from './bus-error.ts';
import type { BusConnection } from './connection.ts';
import { headerBlockOf, statusOf } from './message-headers.ts';
import { inboxPrefixOf, natsOf } from './nats-connection.ts';
import { subscribe } from './subscription.ts';

export interface RequestOptions {
  readonly timeoutMs: number;
  readonly headers?: MsgHdrs | undefined;
}

export interface Reply {
  readonly body: Uint8Array;
  /** As it came. */
  readonly headerBlock: string | undefined;
}

interface Pending {
  readonly subject: string;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: BusError) => void;
  readonly timer: NodeJS.Timeout;
}

const NO_RESPONDERS_STATUS = 503;
const inboxes = new WeakMap<BusConnection, RequestInbox>();

/**
 * Sends one request and resolves to its first answer.
 * @throws BusError at once when there is no connection, when it is lost before the answer, or when nobody listens on
 * the subject; `BUS_TIMEOUT` when no answer comes in time.
 */
export function request(
  bus: BusConnection,
  subject: string,
  body: Uint8Array,
  options: RequestOptions,
): Promise<Reply> {
  if (bus.closed) return Promise.reject(new BusError('BUS_CLOSED', `${subject}: the connection is closed`));
  if (!bus.connected) return Promise.reject(new BusError('BUS_NOT_CONNECTED', `${subject}: no connection`));
  let inbox = inboxes.get(bus);
  if (!inbox) {
    inbox = new RequestInbox(bus);
    inboxes.set(bus, inbox);
  }
  return inbox.request(subject, body, options);
}

/**
 * One subscription for the answers to all requests of a connection. The client library has one too, but decodes
 * headers there: a direct get of a message that somebody stored with a malformed header ends its read loop, and the
 * whole connection is deaf until its pings time out.
 */
class RequestInbox {
  readonly #bus: BusConnection;
  readonly #prefix: string;
  readonly #pending = new Map<string, Pending>();
  #lastToken = 0;

  constructor(bus: BusConnection) {
    this.#bus = bus;
    this.#prefix = `${createInbox(inboxPrefixOf(bus))}.`;
    subscribe(bus, {
      subject: `${this.#prefix}*`,
      onMessage: (message) => this.#settle(message),
      onError: (error) => this.#refused(toBusError(error, 'request')),
    });
    bus.onDisconnected(() => this.#rejectAll(new BusError('BUS_DISCONNECTED', 'the connection was lost')));
    bus.onClosed(() => this.#rejectAll(new BusError('BUS_CLOSED', 'the connection was closed')));
  }

  request(subject: string, body: Uint8Array, { timeoutMs, headers }: RequestOptions): Promise<Reply> {
    this.#lastToken += 1;
    const token = this.#lastToken.toString(36);
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const timer = setTimeout(() => {
      this.#take(token)?.reject(new BusError('BUS_TIMEOUT', `${subject}: no answer within ${timeoutMs} ms`));
    }, timeoutMs);
    this.#pending.set(token, { subject, resolve, reject, timer });
    try {
      const reply = this.#prefix + token;
      natsOf(this.#bus).publish(subject, body, { reply, ...(headers && { headers }) });
    } catch (error) {
      this.#take(token)?.reject(toBusError(error, subject));
    }
    return promise;
  }

  /** The server does not let this connection listen here; a later request tries again. */
  #refused(error: BusError): void {
    inboxes.delete(this.#bus);
    this.#rejectAll(error);
  }

  #settle(message: Msg): void {
    const pending = this.#take(message.subject.slice(this.#prefix.length));
    if (!pending) return;
    const body = message.data;
    const headerBlock = headerBlockOf(message);
    if (body.length === 0 && statusOf(headerBlock) === NO_RESPONDERS_STATUS) {
      pending.reject(new BusError('BUS_NO_RESPONDERS', `${pending.subject}: nobody answers`));
    } else {
      pending.resolve({ body, headerBlock });
    }
  }

  #take(token: string): Pending | undefined {
    const pending = this.#pending.get(token);
    if (!pending) return undefined;
    clearTimeout(pending.timer);
    this.#pending.delete(token);
    return pending;
  }

  #rejectAll(error: BusError): void {
    for (const token of this.#pending.keys()) this.#take(token)?.reject(error);
  }
}
