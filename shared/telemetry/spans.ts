import { INVALID_TRACEID, SpanStatusCode, TraceFlags, type Span } from '@opentelemetry/api';
import { ATTRIBUTES } from './attributes.ts';
import type { Exemplar } from './duration-histogram.ts';

/** The labels by which a measurement leads to this span; `undefined` for a span that nobody will find. */
export function exemplarOf(span: Span): Exemplar | undefined {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return traceFlags & TraceFlags.SAMPLED ? { trace_id: traceId, span_id: spanId } : undefined;
}

/**
 * What a log line says of its trace, in the field names of the OpenTelemetry log data model; nothing without the SDK.
 * https://opentelemetry.io/docs/specs/otel/compatibility/logging_trace_context/
 */
export function traceFieldsOf(span: Span | undefined): Readonly<Record<string, string>> {
  const context = span?.spanContext();
  if (!context || context.traceId === INVALID_TRACEID) return {};
  return { trace_id: context.traceId, span_id: context.spanId, trace_flags: `0${context.traceFlags.toString(16)}` };
}

/** The low-cardinality name of what went wrong: the error's stable code, or its class. */
export function errorTypeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

/** Marks the span as failed. Messages of errors stay out of it: they may repeat what somebody sent. */
export function failSpan(span: Span, error: unknown): void {
  span.setAttribute(ATTRIBUTES.errorType, errorTypeOf(error));
  span.setStatus({ code: SpanStatusCode.ERROR });
}

/** Does the work, ends the span with it, and marks it when the work fails. Rejects with what the work rejected with. */
export async function endSpanWith<T>(span: Span, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    failSpan(span, error);
    throw error;
  } finally {
    span.end();
  }
}
