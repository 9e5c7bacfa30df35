import { trace, type Span } from '@opentelemetry/api';
import type { CompanyId } from '../../shared/contract/company-id.ts';
import type { Logger } from '../../shared/telemetry/logger.ts';
import type { Metrics } from '../../shared/telemetry/metrics.ts';
import { errorTypeOf, exemplarOf } from '../../shared/telemetry/spans.ts';
import { NATS_PATH, type Arrival, type EndedRound } from './rounds.ts';

/** While rounds keep failing, one of this many is logged: a minute's worth. */
const LOGGED_LOSSES = 12;

/** One method per thing that happens: its log line and its metrics together. */
export class CanaryInstruments {
  readonly #logger: Logger;
  readonly #messages;
  readonly #duration;
  readonly #lastSuccess;
  #lostInARow = 0;

  constructor(logger: Logger, metrics: Metrics) {
    this.#logger = logger;
    this.#messages = metrics.counter('canary_messages_total');
    this.#duration = metrics.histogram('canary_duration_seconds');
    this.#lastSuccess = metrics.gauge('canary_last_success_timestamp_seconds');
    // Rates and alerts need the series before the first loss.
    for (const path of ['nats', 'socket']) this.#lastSuccess.set({ path }, Date.now() / 1000);
    for (const result of ['sent', 'received', 'lost', 'duplicate', 'out_of_order']) this.#messages.inc({ result }, 0);
  }

  started(companyId: CompanyId, sockets: readonly string[]): void {
    this.#logger.info({ 'company.id': companyId, synthetic: true, sockets }, 'canary speaks for a reserved company');
  }

  roundBegan(): void {
    this.#messages.inc({ result: 'sent' });
  }

  /** The round arrived on one path. */
  received(path: string, { elapsedMs, onAllSockets }: Extract<Arrival, { kind: 'received' }>, span?: Span): void {
    const label = path === NATS_PATH ? 'nats' : 'socket';
    const exemplar = span && exemplarOf(span);
    this.#duration.observe({
      labels: { path: label },
      value: elapsedMs / 1000,
      ...(exemplar && { exemplarLabels: exemplar }),
    });
    if (path === NATS_PATH || onAllSockets) this.#lastSuccess.set({ path: label }, Date.now() / 1000);
  }

  outOfOrder(path: string): void {
    this.#messages.inc({ result: 'out_of_order' });
    this.#logger.warn({ path }, 'an older canary message arrived behind a newer one');
  }

  duplicate(path: string): void {
    this.#messages.inc({ result: 'duplicate' });
    this.#logger.warn({ path }, 'a canary message arrived twice');
  }

  late(path: string): void {
    this.#logger.warn({ path }, 'a canary message arrived after it had been given up');
  }

  /** Call inside the round's span. The first loss of a row is logged, then one a minute, and the end of the row. */
  roundEnded({ position, missing }: EndedRound): void {
    if (missing.length === 0) {
      this.#messages.inc({ result: 'received' });
      if (this.#lostInARow > 0) this.#logger.info({ lost: this.#lostInARow }, 'canary rounds succeed again');
      else this.#logger.debug(position, 'canary round succeeded');
      this.#lostInARow = 0;
      return;
    }
    this.#messages.inc({ result: 'lost' });
    if (this.#lostInARow % LOGGED_LOSSES === 0) {
      this.#logger.warn({ ...position, missing, lostBefore: this.#lostInARow }, 'canary round lost');
    }
    this.#lostInARow += 1;
    trace.getActiveSpan()?.setAttribute('canary.paths.missing', missing.length);
  }

  publishFailed(err: unknown): void {
    this.#logger.error({ err, code: errorTypeOf(err) }, 'canary message not published');
  }

  /** The stream did not take the event: its place was taken, or somebody with a higher epoch speaks for the company. */
  publishRefused(companyId: CompanyId, outcome: 'fenced' | 'duplicate'): void {
    this.#logger.warn({ 'company.id': companyId, outcome }, 'canary message refused by the stream');
  }

  identityTaken(companyId: CompanyId, next: CompanyId): void {
    const fields = { 'company.id': companyId, next };
    if (companyId === next) this.#logger.error(fields, 'another canary uses the same token');
    else this.#logger.warn(fields, 'another canary speaks for this company; moving on');
  }

  probeConnected(url: string): void {
    this.#logger.info({ url }, 'connected to a socket replica');
  }

  probeDisconnected(url: string, reason: string): void {
    this.#logger.warn({ url, reason }, 'disconnected from a socket replica');
  }

  /** `attempt` counts from the last time that it was connected. */
  probeRefused(url: string, attempt: number, { code, error }: { code: string; error: Error }): void {
    const level = attempt % LOGGED_LOSSES === 1 ? 'warn' : 'debug';
    this.#logger[level]({ url, attempt, code, reason: error.message }, 'cannot connect to a socket replica');
  }
}
