import type { Span } from '@opentelemetry/api';
import type { PublishRetry } from '../../shared/bus/confirmed-publisher.ts';
import type { CompanyId } from '../../shared/contract/company-id.ts';
import type { OrderedEvent } from '../../shared/contract/events.ts';
import { SESSION_STATES, isTerminal, type SessionState } from '../../shared/contract/session-state.ts';
import { BusInstruments } from '../../shared/instruments/bus-instruments.ts';
import { MessagingInstruments } from '../../shared/instruments/messaging-instruments.ts';
import type { Exemplar } from '../../shared/telemetry/duration-histogram.ts';
import type { Logger } from '../../shared/telemetry/logger.ts';
import type { Metrics } from '../../shared/telemetry/metrics.ts';
import { exemplarOf, traceFieldsOf } from '../../shared/telemetry/spans.ts';
import { Throttle } from '../../shared/telemetry/throttle.ts';
import { maskPhoneNumber } from './session/account.ts';
import { CLOSE_REASONS, type CloseReason } from './session/close-reason.ts';
import type { CodeFailure } from './session/machine.ts';
import type { MigrationReport } from './store/migrate.ts';

/** An outage stops the publishes of all sessions at once. */
const RETRY_LOG_PERIOD_MS = 10_000;

/** How a session came to be open: with a QR, with a pairing code, or with credentials it already had. */
export type OpenKind = 'qr' | 'pairing_code' | 'resume';

/** How long the two stages of a publish took, in seconds. */
export interface PublishTimings {
  /** From WhatsApp's report to the first attempt to publish. */
  readonly prepareS: number;
  /** From there to the stream's acknowledgement, retries included. */
  readonly publishS: number;
}

/** One method per thing that happens: its log line and its metrics together, so that they cannot drift. */
export class Instruments {
  readonly bus: BusInstruments;
  readonly messaging: MessagingInstruments;
  readonly #logger: Logger;
  readonly #throttle = new Throttle(RETRY_LOG_PERIOD_MS, () => performance.now());
  readonly #stages;
  readonly #connects;
  readonly #disconnects;
  readonly #timeToOpen;
  readonly #retries;
  readonly #queueDepth;
  readonly #metrics: Metrics;

  constructor(logger: Logger, metrics: Metrics) {
    this.bus = new BusInstruments(logger, metrics, 'whatsapp');
    this.messaging = new MessagingInstruments(metrics);
    this.#logger = logger;
    this.#metrics = metrics;
    this.#stages = metrics.histogram('whatsapp_event_stage_duration_seconds');
    this.#connects = metrics.counter('whatsapp_session_connects_total');
    this.#disconnects = metrics.counter('whatsapp_disconnects_total');
    this.#timeToOpen = metrics.histogram('whatsapp_time_to_open_seconds');
    this.#retries = metrics.counter('publish_retries_total');
    this.#queueDepth = metrics.gauge('publish_queue_depth');
    // Rates and alerts need the series before the first one.
    for (const reason of CLOSE_REASONS) this.#disconnects.inc({ reason }, 0);
  }

  /** The states of all sessions, asked for at each scrape. */
  watchSessions(states: () => readonly SessionState[]): void {
    this.#metrics.gauge('whatsapp_sessions', (gauge) => {
      gauge.reset();
      for (const state of SESSION_STATES) gauge.set({ state }, 0);
      for (const state of states()) gauge.inc({ state });
    });
  }

  /** @param root the event's span, whose ids the line carries */
  published(event: OrderedEvent, { prepareS, publishS }: PublishTimings, root: Span): void {
    const { type, id, phoneNumber, republished = false } = event;
    const fields = {
      ...companyOf(event.companyId),
      event: type,
      id,
      outcome: 'stored',
      republished,
      ...(phoneNumber && { phone: maskPhoneNumber(phoneNumber) }),
      ...(!republished && { prepareMs: toMs(prepareS), publishMs: toMs(publishS) }),
      ...traceFieldsOf(root),
    };
    const line = `whatsapp ${type}`;
    if (isTerminal(type as SessionState)) this.#logger.info(fields, line);
    else this.#logger.debug(fields, line);
    if (republished) return;
    const synthetic = String(event.synthetic === true);
    const exemplar = exemplarOf(root);
    this.#stages.observe(withExemplar({ stage: 'prepare', synthetic }, prepareS, exemplar));
    this.#stages.observe(withExemplar({ stage: 'publish', synthetic }, publishS, exemplar));
  }

  /** The stream did not take the event as this owner's next one. */
  publishRefused({ companyId, id }: OrderedEvent, outcome: 'duplicate' | 'fenced', root: Span): void {
    this.#logger.warn({ ...companyOf(companyId), id, outcome, ...traceFieldsOf(root) }, 'event refused by the stream');
  }

  publishDropped(companyId: CompanyId, event: string, err: unknown): void {
    this.#logger.error({ ...companyOf(companyId), event, err }, 'event not published');
  }

  publishRetried({ companyId, id, attempt, error }: PublishRetry): void {
    this.#retries.inc();
    this.#throttle.run(error.code, (suppressed) => {
      this.#logger.warn(
        { ...companyOf(companyId), id, attempt, code: error.code, reason: error.message, suppressed },
        'publish not confirmed; trying again',
      );
    });
  }

  queueDepth(events: number): void {
    this.#queueDepth.set(events);
  }

  sessionOpened(companyId: CompanyId, kind: OpenKind, seconds: number): void {
    this.#connects.inc({ result: 'opened' });
    this.#timeToOpen.observe({ labels: { kind }, value: seconds });
    this.#logger.debug({ ...companyOf(companyId), kind, seconds }, 'whatsapp socket opened');
  }

  /** `hadOpened`: the socket was open before, and its end is as rare as a connect; otherwise the attempt failed. */
  socketClosed(companyId: CompanyId, reason: CloseReason, hadOpened: boolean): void {
    this.#disconnects.inc({ reason });
    if (!hadOpened && reason !== 'restart-required') this.#connects.inc({ result: reason });
    const isForPeople = hadOpened && reason !== 'restart-required';
    this.#logger[isForPeople ? 'info' : 'debug'](
      { ...companyOf(companyId), reason, hadOpened },
      'whatsapp socket closed',
    );
  }

  socketFailed(companyId: CompanyId, err: unknown): void {
    this.#logger.error({ ...companyOf(companyId), err }, 'whatsapp socket could not be opened');
  }

  /** The message holds no phone number. */
  codeFailed(companyId: CompanyId, { code, message }: CodeFailure): void {
    this.#connects.inc({ result: 'pairing-code-failed' });
    this.#logger.warn({ ...companyOf(companyId), code, detail: message }, 'no pairing code');
  }

  openedWithoutNumber(companyId: CompanyId): void {
    this.#logger.warn(companyOf(companyId), 'session is open but its phone number is not known');
  }

  credentialsUnreadable(companyId: CompanyId, err: unknown): void {
    this.#logger.error({ ...companyOf(companyId), err }, 'stored credentials cannot be read; they are kept');
  }

  messageRelayed(companyId: CompanyId, type: string, messageId: string): void {
    this.#logger.debug({ ...companyOf(companyId), type, messageId }, 'message published');
  }

  /** What somebody wrote is not on the bus; it is still on the phone. */
  messageDropped(companyId: CompanyId, messageId: string, err: unknown): void {
    this.#logger.error({ ...companyOf(companyId), messageId, err }, 'message not published');
  }

  messageSent(companyId: CompanyId, messageId: string): void {
    this.#logger.debug({ ...companyOf(companyId), messageId }, 'message sent');
  }

  messageNotSent(companyId: CompanyId, err: unknown): void {
    this.#logger.warn({ ...companyOf(companyId), err }, 'message not sent');
  }

  saveFailed(companyId: CompanyId, what: 'credentials' | 'state', err: unknown): void {
    this.#logger.error({ ...companyOf(companyId), what, err }, 'save failed');
  }

  fenced(companyId: CompanyId, epoch: number): void {
    this.#logger.warn(
      { ...companyOf(companyId), epoch },
      'session ended here: another owner has it, or may have it soon',
    );
  }

  sessionReleased(companyId: CompanyId, state: SessionState): void {
    this.#logger.debug({ ...companyOf(companyId), state }, 'session released');
  }

  restoreFailed(companyId: CompanyId, err: unknown): void {
    this.#logger.error({ ...companyOf(companyId), err }, 'session not restored');
  }

  restored(count: number, total: number): void {
    this.#logger.info({ sessions: count, total }, 'sessions restored');
  }

  reconciled(cause: string, checked: number, republished: number, failed: number): void {
    const level = republished + failed > 0 ? 'info' : 'debug';
    this.#logger[level]({ cause, checked, republished, failed }, 'states compared with the stream');
  }

  commandHandled(companyId: CompanyId, name: string, outcome: string): void {
    this.#logger.debug({ ...companyOf(companyId), command: name, outcome }, 'command handled');
  }

  commandFailed(err: unknown): void {
    this.#logger.error({ err }, 'command failed');
  }

  strayRejection(err: unknown): void {
    this.#logger.warn({ reason: err instanceof Error ? err.message : 'unknown' }, 'rejection inside baileys ignored');
  }

  migrated({ applied, imported }: MigrationReport): void {
    if (applied.length > 0) this.#logger.info({ applied, ...(imported && { imported }) }, 'database migrated');
  }

  databaseConnectionLost(err: unknown): void {
    this.#logger.warn({ err }, 'database connection lost');
  }

  streamFailed(err: unknown): void {
    this.#logger.error({ err }, 'the stream is not usable');
  }
}

/** The attribute by which logs and traces of one company are found. */
export function companyOf(companyId: string): { readonly 'company.id': string } {
  return { 'company.id': companyId };
}

function withExemplar<L extends object>(labels: L, value: number, exemplar: Exemplar | undefined) {
  return { labels, value, ...(exemplar && { exemplarLabels: exemplar }) };
}

function toMs(seconds: number): number {
  return Math.round(seconds * 1e6) / 1000;
}
