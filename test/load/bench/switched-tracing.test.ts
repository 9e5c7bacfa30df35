import { isSpanContextValid, trace, TraceFlags } from '@opentelemetry/api';
import { expect, test } from 'vitest';
import { createLogger } from '../../../shared/telemetry/logger.ts';
import { SwitchedTracing } from './switched-tracing.ts';
import { startTraceReceiver } from './trace-receiver.ts';

test('a span is what the mode of its beginning makes it, in the tracer that a module has kept', async () => {
  await using receiver = await startTraceReceiver();
  const tracer = trace.getTracer('kept');
  const tracing = new SwitchedTracing(receiver.url, createLogger({ name: 'bench', level: 'silent' }));
  /** Of the span, and whether an await later it is still the active one. */
  const seen = () =>
    tracer.startActiveSpan('publish', async (span) => {
      await Promise.resolve();
      const context = span.spanContext();
      span.end();
      return {
        hasIds: isSpanContextValid(context),
        isSampled: (context.traceFlags & TraceFlags.SAMPLED) !== 0,
        isActive: trace.getActiveSpan() === span,
      };
    });
  const without = { hasIds: false, isSampled: false, isActive: false };
  expect(await seen()).toEqual(without);
  tracing.use(1);
  expect(await seen()).toEqual({ hasIds: true, isSampled: true, isActive: true });
  tracing.use(0);
  expect(await seen()).toEqual({ hasIds: true, isSampled: false, isActive: true });
  tracing.use(undefined);
  expect(await seen()).toEqual(without);
});
