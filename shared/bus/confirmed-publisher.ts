import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { context } from '@opentelemetry/api';
import type { CompanyId } from '../contract/company-id.ts';
import { MESSAGE_ID } from '../contract/headers.ts';
import type { Position } from '../contract/position.ts';
import { MAX_EVENT_BYTES } from '../contract/subjects.ts';
import { backoffMs, type BackoffOptions } from '../lifecycle/backoff.ts';
import { BusError, toBusError } from './bus-error.ts';
import type { BusConnection } from './connection.ts';
import { isServerError, ServerError } from './jetstream-api.ts';
import { toHeaders } from './message-headers.ts';
import { attemptPublish, type Publication, type PublishOutcome, type SubjectEnd } from './publish-attempt.ts';
import { PublisherStoppedError, PublishQueueFullError, PublishRefusedError } from './publisher-errors.ts';
import { recreateStreams, type StreamOptions } from './streams.ts';
import { extractTraceContext } from './trace-context.ts';

export interface PublishRetry {
  readonly companyId: CompanyId;
  readonly id: string;
  /** 1 for the first repetition. */
  readonly attempt: number;
  readonly error: BusError;
}

export interface ConfirmedPublisherOptions {
  /** How the streams are created again when they are gone. */
  readonly streams: StreamOptions;
  /** Events of one company that may wait, the one being published included. Default 64: what the stream keeps. */
  readonly maxQueuedPerCompany?: number;
  /** Waits between attempts. Default 50 ms, doubling up to 2 s. */
  readonly backoff?: BackoffOptions;
  /** How long one attempt waits for its acknowledgement, in ms. Default 2,000. */
  readonly attemptTimeoutMs?: number;
  /** Called in the trace of the event that is tried again. */
  readonly onRetry?: (retry: PublishRetry) => void;
  /** All waiting events, whenever their number changes. */
  readonly onQueueDepth?: (depth: number) => void;
  /** The stream was gone and has been created again, or could not be: then `failure` says why and it is tried again. */
  readonly onStreamMissing?: (failure?: unknown) => void;
}

export interface EventMessage {
  /** `Nats-Msg-Id`: unique for the event's position. */
  readonly id: string;
  readonly position: Position;
  /** A function is asked anew before each attempt, so that the body can say when it was sent. */
  readonly body: Uint8Array | (() => Uint8Array);
  readonly headers: Readonly<Record<string, string>>;
}

type FailedAttempt = Pick<PublishRetry, 'attempt' | 'error'>;

interface Waiting {
  readonly publication: Publication;
  readonly resolve: (outcome: PublishOutcome) => void;
  readonly reject: (error: Error) => void;
}

interface Lane {
  readonly end: SubjectEnd;
  readonly waiting: Waiting[];
  running: boolean;
}

/** Idle companies whose subject's end is remembered; forgetting one costs one read at its next event. */
const MAX_LANES = 20_000;

/**
 * Publishes session events so that the stream has each of them once, in the order of the calls for each company, and
 * nothing of a former owner behind its successor. One event a company is under way, the rest of the company waits;
 * companies do not wait for each other. An event is given up only by `drain` or with the connection: until then
 * outages of any length, a change of the stream's leader and its deletion are survived.
 */
export class ConfirmedPublisher implements AsyncDisposable {
  readonly #bus: BusConnection;
  readonly #options: Required<Pick<ConfirmedPublisherOptions, 'maxQueuedPerCompany' | 'backoff' | 'attemptTimeoutMs'>> &
    ConfirmedPublisherOptions;
  readonly #lanes = new Map<CompanyId, Lane>();
  readonly #stop = new AbortController();
  #accepting = true;
  #depth = 0;
  #onIdle: (() => void) | undefined;
  #ensuring: Promise<void> | undefined;

  constructor(bus: BusConnection, options: ConfirmedPublisherOptions) {
    this.#bus = bus;
    this.#options = {
      maxQueuedPerCompany: 64,
      backoff: { baseMs: 50, maxMs: 2_000 },
      attemptTimeoutMs: 2_000,
      ...options,
    };
    // Every company that waits listens to it.
    setMaxListeners(0, this.#stop.signal);
    bus.onClosed(() => this.#giveUp());
  }

  /** Events that are not decided yet, over all companies. */
  get depth(): number {
    return this.#depth;
  }

  /**
   * Resolves only when the event's fate is decided.
   * @throws PublishQueueFullError at once when too many events of the company wait.
   * @throws PublishRefusedError when it can never be stored: too large, or a header with a line break.
   * @throws PublisherStoppedError when the publisher or its connection ends first; whether it was stored is then unknown.
   */
  publish(companyId: CompanyId, message: EventMessage): Promise<PublishOutcome> {
    if (!this.#accepting) return Promise.reject(new PublisherStoppedError(message.id));
    let publication: Publication;
    try {
      publication = toPublication(message);
    } catch (error) {
      return Promise.reject(error);
    }
    const lane = this.#laneOf(companyId);
    if (lane.waiting.length >= this.#options.maxQueuedPerCompany) {
      return Promise.reject(new PublishQueueFullError(companyId, lane.waiting.length));
    }
    const { promise, resolve, reject } = Promise.withResolvers<PublishOutcome>();
    lane.waiting.push({ publication, resolve, reject });
    this.#count(1);
    if (!lane.running) void this.#run(lane);
    return promise;
  }

  /** Takes no further events, waits for those at hand, gives up what remains after the time. Resolves to the number given up. */
  async drain(timeoutMs: number): Promise<number> {
    this.#accepting = false;
    if (this.#depth > 0) {
      const idle = Promise.withResolvers<void>();
      this.#onIdle = idle.resolve;
      const timer = setTimeout(idle.resolve, timeoutMs);
      await idle.promise;
      clearTimeout(timer);
    }
    return this.#giveUp();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain(0);
  }

  /** Decides the events of one company, one after the other. Never rejects. */
  async #run(lane: Lane): Promise<void> {
    lane.running = true;
    for (let first = lane.waiting[0]; first; first = lane.waiting[0]) {
      try {
        first.resolve(await this.#decide(lane.end, first.publication));
      } catch (error) {
        first.reject(error as Error);
      }
      // Absent when everything was given up meanwhile.
      if (lane.waiting[0] === first) {
        lane.waiting.shift();
        this.#count(-1);
      }
    }
    lane.running = false;
  }

  async #decide(end: SubjectEnd, publication: Publication): Promise<PublishOutcome> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#bus.untilConnected(this.#stop.signal);
        return await attemptPublish(this.#bus, end, publication, this.#options.attemptTimeoutMs);
      } catch (error) {
        if (this.#stop.signal.aborted) throw new PublisherStoppedError(publication.id);
        if (isHopeless(error)) throw new PublishRefusedError(publication.id, error);
        await this.#beforeRetry(end, publication, { attempt, error: toBusError(error, 'publish') });
      }
    }
  }

  async #beforeRetry(end: SubjectEnd, { id, headers }: Publication, retry: FailedAttempt): Promise<void> {
    const trace = extractTraceContext((name) => headers.get(name) || undefined);
    context.with(trace, () => this.#options.onRetry?.({ companyId: end.companyId, id, ...retry }));
    if (saysStreamIsGone(retry.error)) {
      end.lastSeq = undefined;
      await this.#ensureStreams();
    }
    if (isServerError(retry.error, ServerError.wrongLastSequence)) {
      // By a sequence that is known now: nothing to wait for, unless it happens again.
      if (retry.attempt === 1) return;
      // Whoever publishes so often would be ahead again after the wait: read right before the next attempt.
      end.lastSeq = undefined;
    }
    // Its rejection is the stop, which the caller checks.
    await sleep(backoffMs(retry.attempt - 1, this.#options.backoff), undefined, { signal: this.#stop.signal }).catch(
      () => undefined,
    );
  }

  /** Nobody takes the events: the stream is gone, or has no leader yet. One try for all companies that wait. */
  async #ensureStreams(): Promise<void> {
    this.#ensuring ??= recreateStreams(this.#bus, { ...this.#options.streams, timeoutMs: 0 }).finally(() => {
      this.#ensuring = undefined;
    });
    try {
      await this.#ensuring;
      this.#options.onStreamMissing?.();
    } catch (error) {
      this.#options.onStreamMissing?.(error);
    }
  }

  #laneOf(companyId: CompanyId): Lane {
    const existing = this.#lanes.get(companyId);
    if (existing) return existing;
    const lane: Lane = { end: { companyId, lastSeq: undefined, newest: undefined }, waiting: [], running: false };
    this.#lanes.set(companyId, lane);
    if (this.#lanes.size > MAX_LANES) this.#forgetOneIdle();
    return lane;
  }

  #forgetOneIdle(): void {
    for (const [companyId, { running }] of this.#lanes) {
      if (running) continue;
      this.#lanes.delete(companyId);
      return;
    }
  }

  #giveUp(): number {
    this.#accepting = false;
    this.#stop.abort();
    let given = 0;
    for (const { waiting } of this.#lanes.values()) {
      for (const { publication, reject } of waiting.splice(0)) {
        given += 1;
        reject(new PublisherStoppedError(publication.id));
      }
    }
    if (given > 0) this.#count(-given);
    return given;
  }

  #count(change: number): void {
    this.#depth += change;
    this.#options.onQueueDepth?.(this.#depth);
    if (this.#depth === 0) this.#onIdle?.();
  }
}

function toPublication({ id, position, body, headers }: EventMessage): Publication {
  try {
    const record = { ...headers, [MESSAGE_ID]: id };
    const maxBytes = MAX_EVENT_BYTES - bytesOf(record);
    const toBody = typeof body === 'function' ? body : () => body;
    return { id, position, body: () => atMost(maxBytes, toBody()), headers: toHeaders(record), mayBeStored: false };
  } catch (error) {
    throw new PublishRefusedError(id, error);
  }
}

/** The stream's bound is on headers and body together, separators and the expected sequence included. */
function bytesOf(headers: Readonly<Record<string, string>>): number {
  return Object.entries(headers).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value) + 4,
    80,
  );
}

function atMost(maxBytes: number, body: Uint8Array): Uint8Array {
  if (body.length <= maxBytes) return body;
  throw new BusError('BUS_TOO_LARGE', `${body.length} bytes, with these headers the stream takes ${maxBytes}`);
}

/** A publish finds nobody listening on the subject, a read of the subject's end no stream of that name. */
function saysStreamIsGone(error: BusError): boolean {
  return error.code === 'BUS_NO_RESPONDERS' || isServerError(error, ServerError.streamNotFound);
}

function isHopeless(error: unknown): boolean {
  return (
    isServerError(error, ServerError.messageTooLarge) || (error instanceof BusError && error.code === 'BUS_TOO_LARGE')
  );
}
