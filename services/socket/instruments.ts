import { reservedRangeOf, type CompanyId } from '../../shared/contract/company-id.ts';
import { INVALID_REASONS, stateOf, type InvalidReason } from '../../shared/contract/decode-event.ts';
import type { SessionEvent } from '../../shared/contract/events.ts';
import { EVENT_LABELS, eventLabel, type EventOutcome } from '../../shared/contract/metrics.ts';
import { isTerminal } from '../../shared/contract/session-state.ts';
import { EVENTS_TEMPLATE } from '../../shared/contract/subjects.ts';
import type { MessagingInstruments } from '../../shared/instruments/messaging-instruments.ts';
import type { DurationSeries, Exemplar } from '../../shared/telemetry/duration-histogram.ts';
import type { Logger } from '../../shared/telemetry/logger.ts';
import type { CounterSeries, Metrics } from '../../shared/telemetry/metrics.ts';
import { Throttle } from '../../shared/telemetry/throttle.ts';
import type { Clock } from './clock.ts';
import {
  brokerTransit,
  connectToEmitLag,
  lagBetween,
  snapshotLag,
  type DeliveryKind,
  type Lag,
} from './delivery-lag.ts';
import type { Viewer } from './rooms.ts';
import { LiveSeriesIndex } from './telemetry/live-series.ts';
import type { RefreshReason } from './upstream/refresh-reason.ts';

/** Times of one live delivery, in µs since the epoch. */
export interface LiveDelivery {
  readonly receivedUs: number;
  readonly startedUs: number;
  readonly endedUs: number;
  readonly roomSize: number;
  readonly exemplar: Exemplar | undefined;
}

export interface Repair {
  readonly reason: RefreshReason;
  /** Browsers that had missed the event. */
  readonly missed: number;
  readonly exemplar: Exemplar | undefined;
}

export interface SocketMeters {
  readonly metrics: Metrics;
  readonly messaging: MessagingInstruments;
  readonly clock: Clock;
}

const POISON_LOG_PERIOD_MS = 10_000;

/** What happens to events in this service: for each thing one method, so that log line and metric cannot drift. */
export class SocketInstruments {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #throttle: Throttle;
  readonly #events;
  readonly #invalid;
  readonly #connectToEmit;
  readonly #live;
  readonly #negative;
  readonly #repairs;
  readonly #resyncs;
  readonly #roundTrip;
  readonly #clockOffset;
  /** For each event of a company without browsers here: at full load nine of ten. */
  readonly #noAudience: { readonly customer: CounterSeries; readonly synthetic: CounterSeries };
  readonly #processing;
  readonly #invalidProcessing;
  readonly #failedProcessing;

  constructor(logger: Logger, { metrics, messaging, clock }: SocketMeters) {
    this.#logger = logger;
    this.#clock = clock;
    this.#throttle = new Throttle(POISON_LOG_PERIOD_MS, () => clock.monotonicMs());
    this.#events = metrics.counter('socket_events_total');
    this.#invalid = metrics.counter('socket_invalid_events_total');
    this.#connectToEmit = metrics.histogram('whatsapp_connect_to_emit_duration_seconds');
    this.#live = new LiveSeriesIndex(metrics);
    this.#negative = metrics.counter('negative_latency_total');
    this.#repairs = metrics.counter('event_feed_repairs_total');
    this.#resyncs = metrics.histogram('event_feed_resync_duration_seconds');
    this.#roundTrip = metrics.gauge('nats_client_rtt_seconds');
    this.#clockOffset = metrics.gauge('clock_offset_seconds');
    const noAudience = (synthetic: string) =>
      metrics.counterSeries('socket_events_total', { event: 'other', outcome: 'no_audience', synthetic });
    this.#noAudience = { customer: noAudience('false'), synthetic: noAudience('true') };
    this.#processing = messaging.processing(EVENTS_TEMPLATE);
    this.#failedProcessing = messaging.processing(EVENTS_TEMPLATE, 'EMIT_FAILED');
    this.#invalidProcessing = new Map(
      INVALID_REASONS.map((reason) => [reason, messaging.processing(EVENTS_TEMPLATE, reason)]),
    );
    // Rates and alerts need the series before the first one.
    for (const reason of INVALID_REASONS) this.#invalid.inc({ reason }, 0);
    for (const event of EVENT_LABELS) this.#events.inc({ event, outcome: 'error', synthetic: 'false' }, 0);
    for (const synthetic of ['true', 'false']) this.#events.inc({ event: 'other', outcome: 'dropped', synthetic }, 0);
    this.#negative.inc(0);
    for (const reason of ['audit', 'gap', 'reconnect', 'join']) this.#repairs.inc({ reason }, 0);
  }

  /** Nobody here waits for the company. Its event is not read: the label says so. */
  noAudience(companyId: CompanyId): void {
    this.#processing.consumed();
    this.#noAudience[reservedRangeOf(companyId) === undefined ? 'customer' : 'synthetic'].inc();
  }

  /** As `invalid`, where browsers wait for what it was to say. */
  dropped(companyId: CompanyId, reason: InvalidReason, detail: string): void {
    const synthetic = String(reservedRangeOf(companyId) !== undefined);
    this.#events.inc({ event: 'other', outcome: 'dropped', synthetic });
    this.invalid(reason, detail, companyId);
  }

  /** A message that is no event. The detail repeats nothing from its body. */
  invalid(reason: InvalidReason, detail: string, companyId?: CompanyId): void {
    this.#invalid.inc({ reason });
    this.#invalidProcessing.get(reason)?.consumed();
    this.#throttle.run(reason, (suppressed) => {
      this.#logger.warn({ 'company.id': companyId, reason, detail, suppressed }, 'dropped a message that is no event');
    });
  }

  /** The company's last message in the stream is no event; it was counted when it arrived. */
  storedInvalid(companyId: CompanyId, reason: InvalidReason): void {
    this.#throttle.run(`stored ${reason}`, (suppressed) => {
      this.#logger.warn({ 'company.id': companyId, reason, suppressed }, 'the last message in the stream is no event');
    });
  }

  /** Emitted to the browsers of its room as it arrived. */
  emitted(event: SessionEvent, delivery: LiveDelivery): void {
    const { receivedUs, startedUs, endedUs, exemplar } = delivery;
    const series = this.#live.of(event);
    series.emitted.inc();
    this.#processing.consumed();
    this.#processing.processed(lagBetween(receivedUs, endedUs).seconds);
    const lag = connectToEmitLag(event, endedUs);
    if (lag) {
      this.#measure(series.connectToEmit, lag, exemplar);
      this.#measure(series.brokerTransit, brokerTransit(event, receivedUs), exemplar);
    }
    this.#measure(series.route, lagBetween(receivedUs, startedUs), exemplar);
    this.#measure(series.emit, lagBetween(startedUs, endedUs), exemplar);
    this.#logDelivery(event, {
      delivery: 'live',
      browsers: delivery.roomSize,
      lag,
      sampled: exemplar !== undefined,
      stages: delivery,
    });
  }

  /** Repeated, older than what the page shows, or against an operator's word: nobody was shown it. */
  notShown(event: SessionEvent, outcome: 'duplicate' | 'stale'): void {
    this.#processing.consumed();
    this.#count(event, outcome);
  }

  emitFailed(event: SessionEvent, error: unknown): void {
    this.#failedProcessing.consumed();
    this.#count(event, 'error');
    this.#logger.error({ err: error, 'company.id': event.companyId, event: event.type }, 'an emit failed');
  }

  /** Browsers had missed the event and were shown it from the stream. */
  repaired(event: SessionEvent, { reason, missed, exemplar }: Repair): void {
    this.#repairs.inc({ reason });
    const lag = connectToEmitLag(event, this.#clock.wallMicros());
    if (lag) this.#observeConnect(event, { kind: 'repaired', lag, exemplar });
    this.#logger.warn(
      { 'company.id': event.companyId, event: event.type, reason, browsers: missed, connectToEmitMs: lag && toMs(lag) },
      'browsers had missed an event',
    );
  }

  /** A browser that has just joined was shown where its company stands. */
  joined(event: SessionEvent, { joinedAtUs, waitingSinceMs }: Viewer): void {
    const measured = snapshotLag(event, { joinedAtUs, waitingSinceMs, emittedAtUs: this.#clock.wallMicros() });
    if (measured) this.#observeConnect(event, { ...measured, exemplar: undefined });
    if (measured?.kind === 'repaired') this.#repairs.inc({ reason: 'join' });
    this.#logDelivery(event, { delivery: 'joined', browsers: 1, lag: measured?.lag, sampled: false });
  }

  resynced(reason: RefreshReason, pass: { rooms: number; seconds: number; succeeded: boolean }): void {
    this.#resyncs.observe({ labels: { reason }, value: pass.seconds });
    if (pass.succeeded) this.#logger.info({ reason, ...pass }, 'read the last events of all open rooms');
    else this.#logger.error({ reason, ...pass }, 'could not read the last events of all open rooms');
  }

  readFailed(companyId: CompanyId, reason: RefreshReason, error: unknown): void {
    this.#throttle.run('read failed', (suppressed) => {
      this.#logger.error({ err: error, 'company.id': companyId, reason, suppressed }, 'could not read the stream');
    });
  }

  /** Another stream than before: what it held is published again by the sessions' owners. */
  streamRecreated(): void {
    this.#logger.warn('the stream of the events is another one than before');
  }

  streamRepairFailed(error: unknown): void {
    this.#throttle.run('stream repair failed', (suppressed) => {
      this.#logger.error({ err: error, suppressed }, 'the streams are not there and cannot be created');
    });
  }

  commandFailed(companyId: CompanyId, command: string, code: string, error?: unknown): void {
    this.#throttle.run(`command ${code}`, (suppressed) => {
      this.#logger.warn({ err: error, 'company.id': companyId, command, code, suppressed }, 'a command was not done');
    });
  }

  feedFailed(error: unknown): void {
    this.#logger.error({ err: error }, 'the subscription to the events failed');
  }

  natsRoundTrip(seconds: number): void {
    this.#roundTrip.set({ role: 'socket' }, seconds);
  }

  natsUnresponsive(): void {
    this.#logger.error('NATS does not answer; dialling anew');
  }

  clockOffset(offsetMs: number): void {
    this.#clockOffset.set({ peer: 'whatsapp' }, offsetMs / 1000);
  }

  #count({ type, synthetic }: SessionEvent, outcome: EventOutcome): void {
    this.#events.inc({ event: eventLabel(type), outcome, synthetic: String(synthetic === true) });
  }

  /** Of a delivery that is not live. */
  #observeConnect(
    { type, synthetic }: SessionEvent,
    { kind, lag, exemplar }: { kind: DeliveryKind; lag: Lag; exemplar: Exemplar | undefined },
  ): void {
    const labels = { event: eventLabel(type), synthetic: String(synthetic === true), delivery: kind };
    this.#measure(this.#connectToEmit.series(labels), lag, exemplar);
  }

  #measure(series: DurationSeries, { seconds, clamped }: Lag, exemplar: Exemplar | undefined): void {
    if (clamped) this.#negative.inc();
    series.observe(seconds, exemplar);
  }

  /**
   * One line that people read for each traced terminal state of a customer; everything else is for a closer look. Times
   * are in ms.
   */
  #logDelivery(
    event: SessionEvent,
    fields: { delivery: DeliveryKind; browsers: number; lag: Lag | undefined; sampled: boolean; stages?: LiveDelivery },
  ): void {
    const { delivery, browsers, lag, sampled, stages } = fields;
    const isForPeople = sampled && event.synthetic !== true && isTerminal(stateOf(event));
    const level = isForPeople ? 'info' : 'debug';
    if (!this.#logger.isLevelEnabled(level)) return;
    const line = {
      'company.id': event.companyId,
      event: event.type,
      id: event.id,
      outcome: 'emitted',
      delivery,
      browsers,
      connectToEmitMs: lag && toMs(lag),
      ...(stages && toStagesMs(event, stages)),
    };
    this.#logger[level](line, 'emitted an event');
  }
}

function toStagesMs(event: SessionEvent, { receivedUs, startedUs, endedUs }: LiveDelivery) {
  return {
    brokerTransitMs: toMs(brokerTransit(event, receivedUs)),
    routeMs: toMs(lagBetween(receivedUs, startedUs)),
    emitMs: toMs(lagBetween(startedUs, endedUs)),
  };
}

function toMs({ seconds }: Lag): number {
  return Math.round(seconds * 1e6) / 1000;
}
