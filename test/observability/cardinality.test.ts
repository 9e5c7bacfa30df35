import { trace, type SpanContext } from '@opentelemetry/api';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../services/socket/clock.ts';
import { SocketInstruments } from '../../services/socket/instruments.ts';
import { Instruments } from '../../services/whatsapp/instruments.ts';
import { LeaseInstruments } from '../../services/whatsapp/lease-instruments.ts';
import { CLOSE_REASONS } from '../../services/whatsapp/session/close-reason.ts';
import { BusError } from '../../shared/bus/bus-error.ts';
import { parseCompanyId, type CompanyId } from '../../shared/contract/company-id.ts';
import { INVALID_REASONS } from '../../shared/contract/decode-event.ts';
import { EVENT_SCHEMAS, type EventType, type OrderedEvent } from '../../shared/contract/events.ts';
import { eventId } from '../../shared/contract/position.ts';
import { SESSION_STATES } from '../../shared/contract/session-state.ts';
import { MessagingInstruments } from '../../shared/instruments/messaging-instruments.ts';
import { createLogger } from '../../shared/telemetry/logger.ts';
import { createProcessMetrics, type Metrics } from '../../shared/telemetry/metrics.ts';

/** The budget of one instance. */
const MAX_SERIES = 5_000;
const logger = createLogger({ name: 'test', level: 'silent' });
const EVENT_TYPES = Object.keys(EVENT_SCHEMAS) as EventType[];

/** Companies of customers, of load tests and of canaries. */
function companies(count: number): readonly CompanyId[] {
  return Array.from({ length: count }, (_, index) => {
    const first = [1, 9_100_000_000, 9_000_000_000][index % 3] ?? 1;
    return parseCompanyId(String(first + Math.floor(index / 3)));
  }).filter((companyId, index, all) => index === 0 || companyId !== all[index - 1]);
}

function eventOf(companyId: CompanyId, type: EventType, index: number): OrderedEvent {
  const position = { epoch: 1, seq: index + 1 };
  const phoneNumber = `7999000${String(index % 10_000).padStart(4, '0')}`;
  const times = { timestamp: Date.now(), occurredAt: Date.now() * 1000 };
  const event = { type, companyId, phoneNumber, ...position, ...times, id: eventId(companyId, position) };
  // Instruments read no more of an event than this.
  return { ...event, synthetic: index % 3 !== 0 } as OrderedEvent;
}

function spanContextOf(index: number): SpanContext {
  const id = (index + 1).toString(16);
  return { traceId: id.padStart(32, '0'), spanId: id.padStart(16, '0'), traceFlags: index % 2 };
}

function driveSocket(metrics: Metrics, companyIds: readonly CompanyId[]): void {
  const messaging = new MessagingInstruments(metrics);
  const instruments = new SocketInstruments(logger, { metrics, messaging, clock: systemClock() });
  for (const [index, companyId] of companyIds.entries()) {
    const type = EVENT_TYPES[index % EVENT_TYPES.length] ?? 'connected';
    const event = eventOf(companyId, type, index);
    const nowUs = Date.now() * 1000;
    const { traceId, spanId } = spanContextOf(index);
    const exemplar = { trace_id: traceId, span_id: spanId };
    instruments.emitted(event, { receivedUs: nowUs, startedUs: nowUs, endedUs: nowUs, roomSize: index, exemplar });
    instruments.noAudience(companyId);
    instruments.notShown(event, index % 2 === 0 ? 'stale' : 'duplicate');
    instruments.emitFailed(event, new Error(companyId));
    instruments.repaired(event, { reason: 'gap', missed: index, exemplar });
    instruments.invalid(INVALID_REASONS[index % INVALID_REASONS.length] ?? 'json', companyId, companyId);
    instruments.readFailed(companyId, 'audit', new Error(companyId));
    instruments.commandFailed(companyId, 'start', 'BUSY', new Error(companyId));
  }
}

function driveWhatsApp(metrics: Metrics, companyIds: readonly CompanyId[]): void {
  const instruments = new Instruments(logger, metrics);
  const leases = new LeaseInstruments(logger, metrics);
  instruments.watchSessions(() => companyIds.map((_, index) => SESSION_STATES[index % SESSION_STATES.length] ?? 'qr'));
  for (const [index, companyId] of companyIds.entries()) {
    const type = EVENT_TYPES[index % EVENT_TYPES.length] ?? 'connected';
    const event = eventOf(companyId, type, index);
    const root = trace.wrapSpanContext(spanContextOf(index));
    instruments.published(event, { prepareS: index / 1e6, publishS: index / 1e5 }, root);
    instruments.publishRefused(event, 'fenced', root);
    const error = new BusError('BUS_TIMEOUT', companyId);
    instruments.publishRetried({ companyId, id: event.id, attempt: index, error });
    instruments.sessionOpened(companyId, index % 2 === 0 ? 'qr' : 'resume', index);
    instruments.socketClosed(
      companyId,
      CLOSE_REASONS[index % CLOSE_REASONS.length] ?? 'restart-required',
      index % 2 === 0,
    );
    leases.acquired(companyId, index + 1);
    leases.refused(companyId, `replica-${index}`);
    leases.sessionLost(companyId);
  }
}

async function seriesAfter(service: string, drive: typeof driveSocket, count: number): Promise<number> {
  const metrics = createProcessMetrics(service, '0');
  drive(metrics, companies(count));
  return (await metrics.registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;
}

describe('the series of an instance', () => {
  test.each([
    ['socket', driveSocket],
    ['whatsapp', driveWhatsApp],
  ] as const)('of the %s service are as many for 10,000 companies as for a hundred', async (service, drive) => {
    // A hundred: each of them does one kind of thing, and all kinds must have happened.
    const few = await seriesAfter(service, drive, 100);
    expect(await seriesAfter(service, drive, 10_000)).toBe(few);
    expect(few).toBeLessThan(MAX_SERIES);
  });
});
