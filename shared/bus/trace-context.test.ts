import { createTraceState, ROOT_CONTEXT, trace, TraceFlags, type SpanContext } from '@opentelemetry/api';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { extractTraceContext, injectTraceContext, traceparentIsSampled } from './trace-context.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';
const sampled = `00-${traceId}-${spanId}-01`;

function spanOf(headers: Record<string, string>): SpanContext | undefined {
  return trace.getSpanContext(extractTraceContext((name) => headers[name]));
}

function injectedFor(span: SpanContext): Record<string, string> {
  const carrier: Record<string, string> = {};
  injectTraceContext(carrier, trace.setSpanContext(ROOT_CONTEXT, span));
  return carrier;
}

test('the active span goes into a lower-case traceparent and comes back as a remote parent', () => {
  const carrier = injectedFor({ traceId, spanId, traceFlags: TraceFlags.SAMPLED });
  expect(carrier).toEqual({ traceparent: sampled });
  expect(spanOf(carrier)).toMatchObject({ traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true });
});

test('the trace state travels along', () => {
  const traceState = createTraceState('rojo=00f067aa0ba902b7,congo=t61rcWkgMzE');
  const carrier = injectedFor({ traceId, spanId, traceFlags: TraceFlags.NONE, traceState });
  expect(carrier['tracestate']).toBe('rojo=00f067aa0ba902b7,congo=t61rcWkgMzE');
  expect(spanOf(carrier)?.traceState?.get('congo')).toBe('t61rcWkgMzE');
});

test('nothing is written without an active span or with an invalid one', () => {
  const carrier: Record<string, string> = {};
  injectTraceContext(carrier);
  expect(carrier).toEqual({});
  expect(injectedFor({ traceId: '0'.repeat(32), spanId, traceFlags: TraceFlags.SAMPLED })).toEqual({});
});

// https://www.w3.org/TR/trace-context/#traceparent-header-field-values
const malformed = [
  '',
  '00',
  `00-${traceId}-${spanId}`,
  `00-${traceId.toUpperCase()}-${spanId}-01`,
  `00-${'0'.repeat(32)}-${spanId}-01`,
  `00-${traceId}-${'0'.repeat(16)}-01`,
  `ff-${traceId}-${spanId}-01`,
  `00-${traceId}-${spanId}-01-more`,
  `00-${traceId}x-${spanId}-01`,
  `00-${traceId}-${spanId}-0g`,
  `${sampled}, ${sampled}`,
];

test.each(malformed)('the malformed traceparent %j is no parent and not sampled', (traceparent) => {
  expect(spanOf({ traceparent })).toBeUndefined();
  expect(traceparentIsSampled(traceparent)).toBe(false);
});

test('a trace state alone is no parent', () => {
  expect(spanOf({ tracestate: 'a=b' })).toBeUndefined();
});

test('a traceparent of a later version may be longer', () => {
  const later = `01-${traceId}-${spanId}-01-what-comes-later`;
  expect(spanOf({ traceparent: later })).toMatchObject({ traceId, spanId });
  expect(traceparentIsSampled(later)).toBe(true);
});

test.each([
  ['00', false],
  ['01', true],
  ['02', false],
  ['03', true],
  ['fe', false],
  ['ff', true],
])('flags %s mean sampled: %s', (flags, expected) => {
  const traceparent = `00-${traceId}-${spanId}-${flags}`;
  expect(traceparentIsSampled(traceparent)).toBe(expected);
});

test('no header whatever makes reading throw, and both readers agree on what is sampled', () => {
  const hex = (length: number) =>
    fc.string({ unit: fc.constantFrom(...Array.from('0123456789abcdef')), minLength: length, maxLength: length });
  const likely = fc
    .tuple(hex(2), hex(32), hex(16), hex(2), fc.constantFrom('', '-x', ' ', '-'))
    .map(([version, id, parent, flags, rest]) => `${version}-${id}-${parent}-${flags}${rest}`);
  const anything = fc.oneof(likely, fc.string({ unit: 'binary' }));
  fc.assert(
    fc.property(anything, fc.option(fc.string({ unit: 'binary' }), { nil: undefined }), (traceparent, tracestate) => {
      const span = spanOf({ traceparent, ...(tracestate !== undefined && { tracestate }) });
      const isSampled = span !== undefined && span.traceFlags % 2 === 1;
      // The propagator forgives surrounding white space, which no header value that came over the wire has.
      if (traceparent.trim() === traceparent) expect(traceparentIsSampled(traceparent)).toBe(isSampled);
    }),
    { numRuns: 2_000 },
  );
});
