import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CompanyId } from '../contract/company-id.ts';
import { MESSAGE_ID } from '../contract/headers.ts';
import { messagesSubject } from '../contract/subjects.ts';
import { backoffMs, type BackoffOptions } from '../lifecycle/backoff.ts';
import { BusError } from './bus-error.ts';
import type { BusConnection } from './connection.ts';
import { isServerError, parseAnswer, ServerError } from './jetstream-api.ts';
import { toHeaders } from './message-headers.ts';
import { PublisherStoppedError, PublishQueueFullError, PublishRefusedError } from './publisher-errors.ts';
import { request } from './request.ts';
import { recreateStreams, type StreamOptions } from './streams.ts';

export interface ChatMessage {
  /** `Nats-Msg-Id`: a repetition within the stream's duplicate window is not stored twice. */
  readonly id: string;
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

export interface MessagePublisherOptions {
  /** How the streams are created again when they are gone. */
  readonly streams: StreamOptions;
  /** Messages of one company that may wait, the one being published included. Default 256. */
  readonly maxQueuedPerCompany?: number;
  /** Waits between attempts. Default 50 ms, doubling up to 2 s. */
  readonly backoff?: BackoffOptions;
  /** How long one attempt waits for its acknowledgement, in ms. Default 2,000. */
  readonly attemptTimeoutMs?: number;
}

interface Lane {
  waiting: number;
  tail: Promise<void>;
}

/**
 * Publishes the messages of chats: each at least once, once within the stream's duplicate window, in the order of the
 * calls for each company. Unlike session events they have no position: whoever holds the session publishes them.
 */
export class MessagePublisher implements AsyncDisposable {
  readonly #bus: BusConnection;
  readonly #options: Required<MessagePublisherOptions>;
  readonly #lanes = new Map<CompanyId, Lane>();
  readonly #stop = new AbortController();

  constructor(bus: BusConnection, options: MessagePublisherOptions) {
    this.#bus = bus;
    this.#options = {
      maxQueuedPerCompany: 256,
      backoff: { baseMs: 50, maxMs: 2_000 },
      attemptTimeoutMs: 2_000,
      ...options,
    };
    // Every company that waits listens to it.
    setMaxListeners(0, this.#stop.signal);
  }

  /**
   * Resolves when the stream has it, however long the broker is away.
   * @throws PublishQueueFullError at once when too many messages of the company wait.
   * @throws PublishRefusedError when it can never be stored.
   * @throws PublisherStoppedError when the publisher ends first; whether it was stored is then unknown.
   */
  publish(companyId: CompanyId, message: ChatMessage): Promise<void> {
    if (this.#stop.signal.aborted) return Promise.reject(new PublisherStoppedError(message.id));
    const lane = this.#lanes.get(companyId) ?? { waiting: 0, tail: Promise.resolve() };
    if (lane.waiting >= this.#options.maxQueuedPerCompany) {
      return Promise.reject(new PublishQueueFullError(companyId, lane.waiting));
    }
    lane.waiting += 1;
    this.#lanes.set(companyId, lane);
    const published = lane.tail.then(() => this.#publish(companyId, message));
    const leave = () => {
      lane.waiting -= 1;
      if (lane.waiting === 0) this.#lanes.delete(companyId);
    };
    lane.tail = published.then(leave, leave);
    return published;
  }

  /** Waits at most `timeoutMs` for what is on its way, then gives the rest up. */
  async drain(timeoutMs: number): Promise<void> {
    const timer = new AbortController();
    const late = sleep(timeoutMs, undefined, { signal: timer.signal }).catch(() => undefined);
    await Promise.race([Promise.all([...this.#lanes.values()].map(({ tail }) => tail)), late]);
    timer.abort();
    this.#stop.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.drain(0);
  }

  async #publish(companyId: CompanyId, { id, body, headers }: ChatMessage): Promise<void> {
    const record = { ...headers, [MESSAGE_ID]: id };
    for (let attempt = 0; ; attempt += 1) {
      try {
        await this.#bus.untilConnected(this.#stop.signal);
        await this.#attempt(companyId, record, body);
        return;
      } catch (error) {
        if (this.#stop.signal.aborted) throw new PublisherStoppedError(id);
        const isHopeless = isServerError(error, ServerError.messageTooLarge);
        if (isHopeless || !(error instanceof BusError) || !error.shouldRetry()) {
          throw new PublishRefusedError(id, error);
        }
        await this.#beforeRetry(error, attempt);
      }
    }
  }

  async #attempt(companyId: CompanyId, headers: Readonly<Record<string, string>>, body: Uint8Array): Promise<void> {
    const options = { timeoutMs: this.#options.attemptTimeoutMs, headers: toHeaders(headers) };
    const reply = await request(this.#bus, messagesSubject(companyId), body, options);
    const { stream } = parseAnswer(reply.body, 'publish') as { stream?: unknown };
    if (typeof stream !== 'string') {
      throw new BusError('BUS_BAD_ANSWER', 'publish: the answer is no acknowledgement');
    }
  }

  async #beforeRetry(failure: BusError, attempt: number): Promise<void> {
    if (failure.code === 'BUS_NO_RESPONDERS' || isServerError(failure, ServerError.streamNotFound)) {
      // Not yet, then: the next attempt finds out.
      await recreateStreams(this.#bus, { ...this.#options.streams, timeoutMs: 0 }).catch(() => undefined);
    }
    // Its rejection is the stop, which the caller checks.
    const wait = backoffMs(attempt, this.#options.backoff);
    await sleep(wait, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }
}
