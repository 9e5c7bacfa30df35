import { describe, expect, test } from 'vitest';
import { parseOtlpTraces, type ReceivedSpan } from './otlp.ts';
import { renderList, renderTrace } from './trace-page.ts';
import { companyOf, TraceStore } from './trace-store.ts';

const COMPANY = { key: 'company.id', value: { stringValue: 'company_962301' } };

/** One OTLP span as the exporter writes it, `startMs` after an epoch of its own. */
function otlp(spanId: string, startMs: number, fields: object = {}): object {
  const start = BigInt(1_795_000_000_000 + startMs) * 1_000_000n;
  const times = { startTimeUnixNano: String(start), endTimeUnixNano: String(start + 1_500_000n) };
  return {
    traceId: 'a'.repeat(32),
    spanId,
    name: `span ${spanId}`,
    kind: 1,
    attributes: [COMPANY],
    ...times,
    ...fields,
  };
}

function request(...spans: object[]): string {
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'socket' } }] };
  return JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans }] }] });
}

function parsed(...spans: object[]): readonly ReceivedSpan[] {
  return parseOtlpTraces(request(...spans));
}

describe('an OTLP request', () => {
  test('is read span by span, with plain values', () => {
    const attributes = [COMPANY, { key: 'size', value: { intValue: 3 } }, { key: 'list', value: { arrayValue: {} } }];
    const [span] = parsed(otlp('1', 0, { kind: 4, parentSpanId: '0', status: { code: 2 }, attributes }));
    expect(span).toMatchObject({
      service: 'socket',
      kind: 'PRODUCER',
      parentSpanId: '0',
      startMs: 1_795_000_000_000,
      durationMs: 1.5,
      failed: true,
      attributes: { 'company.id': 'company_962301', size: 3, list: '{}' },
    });
  });

  test('that is none is refused', () => {
    expect(() => parseOtlpTraces('spans')).toThrow(SyntaxError);
    expect(() => parseOtlpTraces('{"resourceSpans":[{}]}')).toThrow(TypeError);
    expect(parseOtlpTraces('{}')).toEqual([]);
  });
});

describe('the store of traces', () => {
  test('puts spans of one trace together, whatever order they come in', () => {
    const store = new TraceStore();
    store.add(parsed(otlp('2', 5)));
    store.add(parsed(otlp('1', 0)));
    expect(store.get('a'.repeat(32))?.spans.map(({ spanId }) => spanId)).toEqual(['1', '2']);
    expect(store.get('b'.repeat(32))).toBeUndefined();
  });

  test('puts a span behind its parent, also when it seems to begin before it', () => {
    const store = new TraceStore();
    const child = (id: string, startMs: number, parentSpanId: string) => otlp(id, startMs, { parentSpanId });
    store.add(parsed(child('3', 1, '2'), child('2', 2, '1'), child('4', 0, '1'), otlp('1', 3), child('5', 4, 'gone')));
    expect(store.get('a'.repeat(32))?.spans.map(({ spanId }) => spanId)).toEqual(['1', '4', '2', '3', '5']);
    store.add(parsed(child('6', 9, '7'), child('7', 8, '6')));
    expect(store.get('a'.repeat(32))?.spans.map(({ spanId }) => spanId)).toEqual(['1', '4', '2', '3', '5', '7', '6']);
  });

  test('keeps the traces of customers while there are synthetic ones to forget', () => {
    const store = new TraceStore();
    store.add(parsed(otlp('1', 0, { traceId: 'customer' })));
    const attributes = [{ key: 'whatsapp.synthetic', value: { boolValue: true } }];
    store.add(
      parsed(...Array.from({ length: 2_500 }, (_, index) => otlp('1', index, { traceId: `t${index}`, attributes }))),
    );
    expect(store.get('customer')).toBeDefined();
    expect(store.list({ synthetic: true })).toHaveLength(2_000);
    expect(store.list({ synthetic: true })[0]?.traceId).toBe('t2499');
  });

  test('lists the newest first, customers alone unless asked, and finds a company', () => {
    const store = new TraceStore();
    const synthetic = [COMPANY, { key: 'whatsapp.synthetic', value: { boolValue: true } }];
    const other = [{ key: 'company.id', value: { stringValue: 'company_7' } }];
    store.add(parsed(otlp('2', 1, { traceId: 'two', attributes: other }), otlp('1', 0, { traceId: 'one' })));
    store.add(parsed(otlp('3', 2, { traceId: 'canary', attributes: synthetic })));
    const ids = (filter: object) => store.list(filter).map(({ traceId }) => traceId);
    expect(ids({})).toEqual(['two', 'one']);
    expect(ids({ synthetic: true })).toEqual(['canary', 'two', 'one']);
    expect(ids({ company: '9623' })).toEqual(['one']);
  });

  test('forgets the oldest traces and holds no endless one', () => {
    const store = new TraceStore();
    store.add(parsed(...Array.from({ length: 600 }, (_, index) => otlp(String(index), index, { traceId: 'long' }))));
    expect(store.get('long')?.spans).toHaveLength(500);
    store.add(parsed(...Array.from({ length: 2_000 }, (_, index) => otlp('1', index, { traceId: `t${index}` }))));
    expect(store.get('long')).toBeUndefined();
    expect(store.list()).toHaveLength(2_000);
  });
});

describe('the pages', () => {
  test('show a trace as a tree over time', () => {
    const spans = parsed(otlp('1', 0), otlp('2', 1, { parentSpanId: '1' }), otlp('3', 2, { parentSpanId: '2' }));
    const page = renderTrace({ traceId: 'a'.repeat(32), spans }, '/data/logs');
    expect([...page.matchAll(/padding-left:(\d)rem/g)].map(([, depth]) => depth)).toEqual(['0', '1', '2']);
    expect(companyOf({ traceId: 'a', spans })).toBe('company_962301');
    expect(page).toContain(`grep ${'a'.repeat(32)} /data/logs/*.log`);
  });

  test('show a trace whose root is still on its way, or that leads in a circle', () => {
    const spans = parsed(otlp('1', 0, { parentSpanId: '2' }), otlp('2', 1, { parentSpanId: '1' }));
    expect(renderTrace({ traceId: 'a', spans }, '/data/logs')).toContain('<h1>span 1</h1>');
  });

  test('show what came in as text, never as markup', () => {
    const hostile = '<script>alert("1")</script>';
    const attributes = [{ key: hostile, value: { stringValue: hostile } }];
    const spans = parsed(otlp('1', 0, { name: hostile, traceId: hostile, attributes }));
    const trace = { traceId: hostile, spans };
    for (const page of [renderTrace(trace, '/data/logs'), renderList([trace], { company: hostile })]) {
      expect(page).not.toContain('<script>');
    }
  });
});
