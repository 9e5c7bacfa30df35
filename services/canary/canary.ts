import { ROOT_CONTEXT, SpanKind, context, trace, type Context, type Span } from '@opentelemetry/api';
import { ConfirmedPublisher } from '../../shared/bus/confirmed-publisher.ts';
import type { BusConnection } from '../../shared/bus/connection.ts';
import type { LiveMessage } from '../../shared/bus/event-feed.ts';
import type { PublishOutcome } from '../../shared/bus/publish-attempt.ts';
import type { StreamOptions } from '../../shared/bus/streams.ts';
import { extractTraceContext, injectTraceContext } from '../../shared/bus/trace-context.ts';
import type { CompanyId } from '../../shared/contract/company-id.ts';
import type { OrderedEvent } from '../../shared/contract/events.ts';
import { cloudEventHeaders } from '../../shared/contract/headers.ts';
import { eventId, type Position } from '../../shared/contract/position.ts';
import { EVENTS_TEMPLATE } from '../../shared/contract/subjects.ts';
import type { MessagingInstruments } from '../../shared/instruments/messaging-instruments.ts';
import { WallClock } from '../../shared/lifecycle/wall-clock.ts';
import { ATTRIBUTES } from '../../shared/telemetry/attributes.ts';
import { processEventSpan, publishEventSpan } from '../../shared/telemetry/messaging-spans.ts';
import { CANARY_SPAN } from '../../shared/telemetry/span-names.ts';
import { endSpanWith } from '../../shared/telemetry/spans.ts';
import type { Identity } from './identity.ts';
import type { CanaryInstruments } from './instruments.ts';
import { toRoundEvent } from './round-event.ts';
import { NATS_PATH, type EndedRound } from './rounds.ts';
import { Station, type At } from './station.ts';

export interface CanaryOptions {
  readonly bus: BusConnection;
  readonly streams: StreamOptions;
  readonly identity: Identity;
  readonly socketUrls: readonly string[];
  readonly replicaId: string;
  readonly instruments: CanaryInstruments;
  readonly messaging: MessagingInstruments;
  /** Between two rounds, in ms. */
  readonly intervalMs: number;
  /** How long a round may take before it is lost, in ms. */
  readonly timeoutMs: number;
  /** Between two fresh tokens of a connection, in ms. */
  readonly tokenRefreshMs: number;
}

const tracer = trace.getTracer('canary');
const encoder = new TextEncoder();

/**
 * Publishes a synthetic connect on and on and looks whether it arrives: once, in order, on every path. Whatever is wrong
 * with the system around it, it goes on and counts. At most `timeoutMs / intervalMs + 1` rounds are under way, at most one
 * publish.
 */
export class Canary implements AsyncDisposable {
  readonly #options: CanaryOptions;
  readonly #publisher: ConfirmedPublisher;
  readonly #processing;
  readonly #clock = new WallClock();
  readonly #startedMs = performance.now();
  readonly #timer: NodeJS.Timeout;
  readonly #expiries = new Set<NodeJS.Timeout>();
  readonly #spans = new Map<string, Span>();
  #station: Station;
  /** Seconds of the wall clock: above that of every canary that spoke for the company before. */
  #epoch = Math.floor(Date.now() / 1000);
  #seq = 0;
  /** The stream has taken an event of this epoch. */
  #accepted = false;
  #moving: Promise<void> = Promise.resolve();

  constructor(options: CanaryOptions) {
    this.#options = options;
    this.#publisher = new ConfirmedPublisher(options.bus, { streams: options.streams });
    this.#processing = options.messaging.processing(EVENTS_TEMPLATE);
    this.#station = this.#listen(options.identity);
    this.#timer = setInterval(() => this.#beginRound(), options.intervalMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    for (const expiry of this.#expiries) clearTimeout(expiry);
    await this.#publisher.drain(0);
    await this.#moving;
    await this.#station[Symbol.asyncDispose]();
    for (const span of this.#spans.values()) span.end();
    this.#spans.clear();
  }

  #listen(identity: Identity): Station {
    const { bus, socketUrls, timeoutMs, tokenRefreshMs, instruments } = this.#options;
    instruments.started(identity.companyId, socketUrls);
    const station: Station = new Station({
      bus,
      identity,
      socketUrls,
      timeoutMs,
      tokenRefreshMs,
      instruments,
      onArrival: (path, position, at) => this.#onArrival(station, path, position, at),
    });
    return station;
  }

  #beginRound(): void {
    const { instruments, timeoutMs } = this.#options;
    const now = performance.now();
    // What has not come up since the start is no loss yet.
    if (!this.#accepted && !this.#station.listening && now - this.#startedMs < timeoutMs) return;
    const { companyId } = this.#station.identity;
    this.#seq += 1;
    const position = { epoch: this.#epoch, seq: this.#seq };
    const event = toRoundEvent(companyId, position, this.#clock.nowMicros());
    const attributes = {
      [ATTRIBUTES.companyId]: companyId,
      [ATTRIBUTES.synthetic]: true,
      [ATTRIBUTES.messageId]: event.id,
    };
    const root = tracer.startSpan(CANARY_SPAN, { root: true, kind: SpanKind.INTERNAL, attributes });
    instruments.roundBegan();
    this.#spans.set(event.id, root);
    this.#station.rounds.begin(position, now);
    this.#expireLater(this.#station);
    // While one waits for NATS, further ones would only arrive late together.
    if (this.#publisher.depth === 0) void this.#publish(event, position, trace.setSpan(ROOT_CONTEXT, root));
  }

  /** Never rejects. */
  async #publish(event: OrderedEvent, position: Position, parent: Context): Promise<void> {
    const { instruments } = this.#options;
    try {
      const outcome = await context.with(parent, () => this.#send(event, position));
      if (outcome.kind === 'stored') this.#accepted = true;
      else this.#onRefused(event, position, outcome);
    } catch (error) {
      if (!isStop(error)) context.with(parent, () => instruments.publishFailed(error));
    }
  }

  #send(event: OrderedEvent, position: Position): Promise<PublishOutcome> {
    const { messaging, replicaId } = this.#options;
    const { companyId } = this.#station.identity;
    const { name, options } = publishEventSpan(companyId, event.id);
    return tracer.startActiveSpan(name, options, (span) =>
      endSpanWith(span, () => {
        const headers: Record<string, string> = { ...cloudEventHeaders(event, `/canary/${replicaId}`) };
        injectTraceContext(headers);
        const body = () => encoder.encode(JSON.stringify({ ...event, publishedAt: this.#clock.nowMicros() }));
        const message = { id: event.id, position, body, headers };
        return messaging.send('publish', EVENTS_TEMPLATE, () => this.#publisher.publish(companyId, message));
      }),
    );
  }

  /** Somebody else wrote behind us: a stale epoch is raised, a living rival is given way to. */
  #onRefused(event: OrderedEvent, position: Position, outcome: Exclude<PublishOutcome, { kind: 'stored' }>): void {
    const { instruments } = this.#options;
    const { identity } = this.#station;
    instruments.publishRefused(identity.companyId, outcome.kind);
    if (event.companyId !== identity.companyId || position.epoch !== this.#epoch) return;
    this.#epoch = 1 + Math.max(this.#epoch, outcome.kind === 'fenced' ? outcome.by.epoch : 0);
    this.#seq = 0;
    const hasRival = outcome.kind === 'fenced' && this.#accepted;
    this.#accepted = false;
    if (!hasRival) return;
    const next = identity.next();
    instruments.identityTaken(identity.companyId, next.companyId);
    if (next.companyId === identity.companyId) return;
    const former = this.#station;
    this.#station = this.#listen(next);
    this.#moving = this.#moving.then(() => former[Symbol.asyncDispose]());
  }

  #onArrival({ rounds, identity }: Station, path: string, position: Position, { receivedMs, message }: At): void {
    const { instruments } = this.#options;
    const arrival = rounds.arrived(path, position, receivedMs);
    const key = eventId(identity.companyId, position);
    const span = this.#spans.get(key);
    if (message) this.#traceProcessing(identity.companyId, key, message);
    switch (arrival.kind) {
      case 'received':
        instruments.received(path, arrival, span);
        span?.addEvent('received', { path: path === NATS_PATH ? 'nats' : 'socket', 'server.address': path });
        if (arrival.outOfOrder) instruments.outOfOrder(path);
        if (arrival.ended) this.#end(key, arrival.ended);
        break;
      case 'duplicate':
        instruments.duplicate(path);
        break;
      case 'out_of_order':
        instruments.outOfOrder(path);
        break;
      case 'late':
        instruments.late(path);
        break;
      case 'snapshot':
        break;
    }
  }

  #traceProcessing(companyId: CompanyId, messageId: string, message: LiveMessage): void {
    this.#processing.consumed();
    const parent = extractTraceContext((name) => message.header(name));
    const creator = trace.getSpanContext(parent);
    const { name, options } = processEventSpan(companyId, messageId, creator);
    tracer.startSpan(name, options, parent).end();
  }

  #expireLater(station: Station): void {
    const { companyId } = station.identity;
    const expiry = setTimeout(() => {
      this.#expiries.delete(expiry);
      for (const ended of station.rounds.expire(performance.now())) {
        this.#end(eventId(companyId, ended.position), ended);
      }
    }, this.#options.timeoutMs + 1);
    this.#expiries.add(expiry);
  }

  #end(key: string, ended: EndedRound): void {
    const span = this.#spans.get(key);
    this.#spans.delete(key);
    if (!span) {
      this.#options.instruments.roundEnded(ended);
      return;
    }
    context.with(trace.setSpan(ROOT_CONTEXT, span), () => this.#options.instruments.roundEnded(ended));
    span.setAttribute(ATTRIBUTES.outcome, ended.missing.length === 0 ? 'received' : 'lost');
    span.end();
  }
}

/** The canary itself is stopping. */
function isStop(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'PUBLISHER_STOPPED';
}
