import { ROOT_CONTEXT, SpanKind, TraceFlags, trace } from '@opentelemetry/api';
import { ExportResultCode, type ExportResult } from '@opentelemetry/core';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  TracerProvider,
  type ReadableSpan,
  type SpanExporter,
} from '@opentelemetry/sdk-trace';
import { describe, expect, test } from 'vitest';
import { createLogger } from './logger.ts';
import { lostSpanCount } from './lost-spans.ts';
import { exportSpans } from './span-export.ts';

/** A receiver that answers with these results, one after the other, and then not at all. */
function receiverOf(...results: ExportResult[]) {
  const received: number[] = [];
  const exporter: SpanExporter = {
    export(spans, done) {
      received.push(spans.length);
      const result = results.shift();
      if (result) done(result);
    },
    shutdown: () => Promise.resolve(),
  };
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) };
  const processor = exportSpans(exporter, createLogger({ name: 'test', level: 'warn', destination }));
  const provider = new TracerProvider({ sampler: new AlwaysOnSampler(), spanProcessors: [processor] });
  return { received, lines, provider, lostBefore: lostSpanCount() };
}

function make(provider: TracerProvider, count: number): void {
  for (let made = 0; made < count; made += 1) {
    provider.getTracer('test').startSpan('span', { kind: SpanKind.INTERNAL }).end();
  }
}

describe('the export of spans', () => {
  test('loses nothing to a receiver that takes everything', async () => {
    const { provider, received, lines, lostBefore } = receiverOf({ code: ExportResultCode.SUCCESS });
    make(provider, 3);
    await provider.forceFlush();
    expect(received).toEqual([3]);
    expect(lostSpanCount()).toBe(lostBefore);
    expect(lines).toEqual([]);
  });

  test('begins spans to the µs, none before its parent, and leaves a given start as it is', async () => {
    const spans: ReadableSpan[] = [];
    const exporter: SpanExporter = {
      export(batch, done) {
        spans.push(...batch);
        done({ code: ExportResultCode.SUCCESS });
      },
      shutdown: () => Promise.resolve(),
    };
    const processor = exportSpans(exporter, createLogger({ name: 'test', level: 'warn' }));
    const provider = new TracerProvider({ sampler: new AlwaysOnSampler(), spanProcessors: [processor] });
    const tracer = provider.getTracer('test');
    tracer.startSpan('given', { startTime: 1_764_870_000_000 }).end(1_764_870_000_001);
    for (let depth = 0, parent = ROOT_CONTEXT; depth < 100; depth += 1) {
      const span = tracer.startSpan('chain', {}, parent);
      parent = trace.setSpan(parent, span);
      span.end();
    }
    await provider.forceFlush();
    const [given, ...chain] = spans.map(({ startTime: [seconds, nanos] }) => seconds * 1e6 + nanos / 1000);
    expect(given).toBe(1_764_870_000_000_000);
    expect(spans[0]?.endTime).toEqual([1_764_870_000, 1_000_000]);
    expect(chain).toHaveLength(100);
    expect(chain).toEqual(chain.toSorted((a, b) => a - b));
    expect(chain.some((us) => us % 1000 !== 0)).toBe(true);
  });

  test('counts what the receiver refuses, and says so once', async () => {
    const refusal = { code: ExportResultCode.FAILED, error: new Error('Service Unavailable') };
    const { provider, lines, lostBefore } = receiverOf(refusal, refusal);
    for (const count of [2, 3]) {
      make(provider, count);
      await provider.forceFlush().catch(() => undefined);
    }
    expect(lostSpanCount() - lostBefore).toBe(5);
    expect(lines).toEqual([
      expect.objectContaining({
        signal: 'traces',
        spans: 2,
        reason: 'Service Unavailable',
        msg: 'spans were not exported',
      }),
    ]);
  });

  test('holds a bounded number of spans for a receiver that keeps silent, and counts the others', () => {
    const { provider, lostBefore } = receiverOf();
    make(provider, 5000);
    // One batch of 512 is under way.
    expect(lostSpanCount() - lostBefore).toBe(5000 - 2048 - 512);
  });

  test('passes over spans that were not sampled', async () => {
    const { lostBefore, received } = receiverOf();
    const provider = new TracerProvider({ sampler: new AlwaysOffSampler() });
    const span = provider.getTracer('test').startSpan('span');
    expect(trace.isSpanContextValid(span.spanContext())).toBe(true);
    expect(span.spanContext().traceFlags).toBe(TraceFlags.NONE);
    span.end();
    await provider.forceFlush();
    expect(received).toEqual([]);
    expect(lostSpanCount()).toBe(lostBefore);
  });
});
