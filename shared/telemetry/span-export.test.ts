import { SpanKind, TraceFlags, trace } from '@opentelemetry/api';
import { ExportResultCode, type ExportResult } from '@opentelemetry/core';
import { AlwaysOffSampler, AlwaysOnSampler, TracerProvider, type SpanExporter } from '@opentelemetry/sdk-trace';
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
