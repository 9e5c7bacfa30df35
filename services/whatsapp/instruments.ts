import type { ConnectionStatus } from '../../shared/bus/connection-status.ts';
import type { CompanyId } from '../../shared/contract/company-id.ts';
import type { OrderedEvent } from '../../shared/contract/events.ts';
import { SESSION_STATES, isTerminal, type SessionState } from '../../shared/contract/session-state.ts';
import type { Logger } from '../../shared/telemetry/logger.ts';
import type { Metrics } from '../../shared/telemetry/metrics.ts';
import type { Exemplar, PublishTimings } from './publisher.ts';
import { maskPhoneNumber } from './session/account.ts';
import type { CloseReason } from './session/close-reason.ts';
import type { CodeFailure } from './session/machine.ts';
import type { MigrationReport } from './store/migrate.ts';

const ROLE = { role: 'whatsapp' } as const;

/** How a session came to be open: with a QR, with a pairing code, or with credentials it already had. */
export type OpenKind = 'qr' | 'pairing_code' | 'resume';

/** One method per thing that happens: its log line and its metrics together, so that they cannot drift. */
export class Instruments {
  readonly #logger: Logger;
  readonly #stages;
  readonly #connects;
  readonly #disconnects;
  readonly #timeToOpen;
  readonly #retries;
  readonly #queueDepth;
  readonly #natsConnected;
  readonly #natsReconnects;
  readonly #natsDisconnects;
  readonly #natsRtt;
  readonly #metrics: Metrics;

  constructor(logger: Logger, metrics: Metrics) {
    this.#logger = logger;
    this.#metrics = metrics;
    this.#stages = metrics.histogram('whatsapp_event_stage_duration_seconds');
    this.#connects = metrics.counter('whatsapp_session_connects_total');
    this.#disconnects = metrics.counter('whatsapp_disconnects_total');
    this.#timeToOpen = metrics.histogram('whatsapp_time_to_open_seconds');
    this.#retries = metrics.counter('publish_retries_total');
    this.#queueDepth = metrics.gauge('publish_queue_depth');
    this.#natsConnected = metrics.gauge('nats_client_connected');
    this.#natsReconnects = metrics.counter('nats_client_reconnects_total');
    this.#natsDisconnects = metrics.counter('nats_client_disconnects_total');
    this.#natsRtt = metrics.gauge('nats_client_rtt_seconds');
    this.#natsConnected.set(ROLE, 0);
  }

  /** The states of all sessions, asked for at each scrape. */
  watchSessions(states: () => readonly SessionState[]): void {
    this.#metrics.gauge('whatsapp_sessions', (gauge) => {
      gauge.reset();
      for (const state of SESSION_STATES) gauge.set({ state }, 0);
      for (const state of states()) gauge.inc({ state });
    });
  }

  /** Call inside the event's span: the line then carries its trace id. */
  published(event: OrderedEvent, { prepareS, publishS }: PublishTimings, exemplar: Exemplar): void {
    const { type, epoch, seq, phoneNumber, republished = false } = event;
    const fields = {
      ...companyOf(event.companyId),
      event: type,
      epoch,
      seq,
      republished,
      ...(phoneNumber && { phone: maskPhoneNumber(phoneNumber) }),
      ...(!republished && { prepareMs: toMs(prepareS), publishMs: toMs(publishS) }),
    };
    const line = `whatsapp ${type}`;
    if (isTerminal(type as SessionState)) this.#logger.info(fields, line);
    else this.#logger.debug(fields, line);
    if (republished) return;
    const synthetic = String(event.synthetic === true);
    this.#stages.observe(withExemplar({ stage: 'prepare', synthetic }, prepareS, exemplar));
    this.#stages.observe(withExemplar({ stage: 'publish', synthetic }, publishS, exemplar));
  }

  /** The stream did not take the event as this owner's next one. */
  publishRefused({ companyId, id }: OrderedEvent, outcome: 'duplicate' | 'fenced'): void {
    this.#logger.warn({ ...companyOf(companyId), id, outcome }, 'event refused by the stream');
  }

  publishDropped(companyId: CompanyId, event: string, err: unknown): void {
    this.#logger.error({ ...companyOf(companyId), event, err }, 'event not published');
  }

  publishRetried(): void {
    this.#retries.inc();
  }

  queueDepth(events: number): void {
    this.#queueDepth.set(events);
  }

  sessionOpened(companyId: CompanyId, kind: OpenKind, seconds: number): void {
    this.#connects.inc({ result: 'opened' });
    this.#timeToOpen.observe({ labels: { kind }, value: seconds });
    this.#logger.debug({ ...companyOf(companyId), kind, seconds }, 'whatsapp socket opened');
  }

  /** `hadOpened`: the socket was open before; otherwise the attempt failed. */
  socketClosed(companyId: CompanyId, reason: CloseReason, hadOpened: boolean): void {
    this.#disconnects.inc({ reason });
    if (!hadOpened && reason !== 'restart-required') this.#connects.inc({ result: reason });
    this.#logger.debug({ ...companyOf(companyId), reason, hadOpened }, 'whatsapp socket closed');
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

  saveFailed(companyId: CompanyId, what: 'credentials' | 'state', err: unknown): void {
    this.#logger.error({ ...companyOf(companyId), what, err }, 'save failed');
  }

  fenced(companyId: CompanyId, epoch: number): void {
    this.#logger.warn({ ...companyOf(companyId), epoch }, 'another owner took the session over');
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

  natsRtt(ms: number): void {
    this.#natsRtt.set(ROLE, ms / 1000);
  }

  natsStatus(status: ConnectionStatus): void {
    switch (status.kind) {
      case 'connected':
        this.#natsConnected.set(ROLE, 1);
        this.#logger.info({ server: status.server }, 'nats connected');
        break;
      case 'reconnected':
        this.#natsConnected.set(ROLE, 1);
        this.#natsReconnects.inc(ROLE);
        this.#logger.info({ server: status.server }, 'nats reconnected');
        break;
      case 'disconnected':
        this.#natsConnected.set(ROLE, 0);
        this.#natsDisconnects.inc({ reason: status.reason });
        this.#logger.warn({ server: status.server, reason: status.reason }, 'nats disconnected');
        break;
      case 'closed':
        this.#natsConnected.set(ROLE, 0);
        if (status.error !== undefined) this.#logger.error({ err: status.error }, 'nats connection closed');
        break;
      case 'listener-failed':
        this.#logger.error({ err: status.error }, 'nats listener failed');
        break;
      case 'waiting':
        this.#logger.warn({ attempt: status.attempt, code: status.error.code }, 'waiting for nats');
        break;
      case 'slow-consumer':
      case 'error':
        this.#logger.warn(status, 'nats error');
        break;
      case 'reconnecting':
      case 'lame-duck':
      case 'servers-changed':
        this.#logger.debug(status, 'nats status');
        break;
    }
  }
}

/** The attribute by which logs and traces of one company are found. */
function companyOf(companyId: string): { readonly 'company.id': string } {
  return { 'company.id': companyId };
}

function withExemplar<L extends object>(labels: L, value: number, exemplar: Exemplar) {
  return { labels, value, ...(exemplar && { exemplarLabels: { ...exemplar } }) };
}

function toMs(seconds: number): number {
  return Math.round(seconds * 1e6) / 1000;
}
