import { SpanKind, TraceFlags, trace, type Span } from '@opentelemetry/api';
import { NodeSDK } from '@opentelemetry/sdk-node';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { parseCompanyId } from '../../../shared/contract/company-id.ts';
import type { SessionEvent } from '../../../shared/contract/events.ts';
import type { Exemplar } from '../../../shared/telemetry/duration-histogram.ts';
import { startAcknowledgement, traceDelivery } from './delivery-trace.ts';

/** In the order in which they ended: the innermost first. */
const ended: ReadableSpan[] = [];
const nothing = () => Promise.resolve();
const sdk = new NodeSDK({
  spanProcessors: [
    { onStart: () => undefined, onEnd: (span) => void ended.push(span), forceFlush: nothing, shutdown: nothing },
  ],
  metricReaders: [],
  logRecordProcessors: [],
});
sdk.start();

const traceId = '0af7651916cd43dd8448eb211c80319c';
const parentId = 'b7ad6b7169203331';
const companyId = parseCompanyId('962302');
const event: SessionEvent = {
  type: 'connected',
  companyId,
  timestamp: 1,
  phoneNumber: '79990000001',
  id: 'company_962302:1:1',
};

beforeEach(() => {
  ended.length = 0;
});
afterAll(() => sdk.shutdown());

function deliver(traceparent: string | undefined, emit: (exemplar: Exemplar | undefined) => void = () => undefined) {
  traceDelivery({ companyId, event, roomSize: 2, header: () => traceparent }, emit);
  return ended;
}

describe('traceDelivery', () => {
  test.each([undefined, '', 'garbage', `00-${traceId}-${parentId}-00`, `00-${'0'.repeat(32)}-${parentId}-01`])(
    'makes no span for an event whose sender did not sample (%j), and emits all the same',
    (traceparent) => {
      const exemplars: unknown[] = [];
      expect(deliver(traceparent, (exemplar) => exemplars.push(exemplar))).toEqual([]);
      expect(exemplars).toEqual([undefined]);
    },
  );

  test('continues the trace of the sender: process below it and linked to it, emit below process', () => {
    const [emit, process] = deliver(`00-${traceId}-${parentId}-01`);
    expect(process).toMatchObject({
      name: 'process whatsapp.events.{companyId}',
      kind: SpanKind.CONSUMER,
      parentSpanContext: { traceId, spanId: parentId },
      links: [{ context: { traceId, spanId: parentId } }],
      attributes: {
        'messaging.system': 'nats',
        'messaging.destination.name': 'whatsapp.events.company_962302',
        'messaging.message.id': 'company_962302:1:1',
        'company.id': 'company_962302',
      },
    });
    expect(emit).toMatchObject({
      name: 'emit whatsapp-connected',
      kind: SpanKind.PRODUCER,
      parentSpanContext: { traceId, spanId: process?.spanContext().spanId },
      attributes: { 'messaging.system': 'socket.io', 'socketio.room.size': 2 },
    });
  });

  test('the exemplar and the log lines of the delivery carry the ids of the emit span', () => {
    let exemplar: Exemplar | undefined;
    let active: string | undefined;
    const [emit] = deliver(`00-${traceId}-${parentId}-01`, (given) => {
      exemplar = given;
      active = trace.getActiveSpan()?.spanContext().spanId;
    });
    expect(exemplar).toEqual({ trace_id: traceId, span_id: emit?.spanContext().spanId });
    expect(active).toBe(emit?.spanContext().spanId);
    expect(emit?.spanContext().traceFlags).toBe(TraceFlags.SAMPLED);
  });

  test('an acknowledgement is waited for below the emit, also when it comes after it', () => {
    let acknowledgement: Span | undefined;
    const [emit] = deliver(`00-${traceId}-${parentId}-01`, () => {
      acknowledgement = startAcknowledgement(event);
    });
    acknowledgement?.end();
    expect(ended.at(-1)).toMatchObject({
      name: 'ack whatsapp-connected',
      kind: SpanKind.CLIENT,
      parentSpanContext: { traceId, spanId: emit?.spanContext().spanId },
      attributes: { 'messaging.system': 'socket.io', 'company.id': 'company_962302' },
    });
  });

  test('an acknowledgement of a delivery that nobody sampled has no span', () => {
    deliver(undefined, () => expect(startAcknowledgement(event)).toBeUndefined());
    expect(startAcknowledgement(event)).toBeUndefined();
  });

  test('no phone number stands in a span', () => {
    const spans = deliver(`00-${traceId}-${parentId}-01`);
    expect(JSON.stringify(spans.map(({ attributes }) => attributes))).not.toContain('79990000001');
  });

  test('an emit that fails ends both spans and is passed on', () => {
    expect(() =>
      deliver(`00-${traceId}-${parentId}-01`, () => {
        throw new TypeError('no');
      }),
    ).toThrow('no');
    expect(ended.map(({ attributes }) => attributes['error.type'])).toEqual(['TypeError', 'TypeError']);
  });
});
