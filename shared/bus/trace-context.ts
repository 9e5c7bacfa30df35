import { context, defaultTextMapGetter, defaultTextMapSetter, ROOT_CONTEXT, type Context } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { TRACEPARENT, TRACESTATE } from '../contract/headers.ts';

/** Of our own rather than the process-wide one: the wire format is a contract and does not follow `OTEL_PROPAGATORS`. */
const propagator = new W3CTraceContextPropagator();

/** Reads one header; `undefined` when absent. Names are compared without regard to case. */
export type HeaderReader = (name: string) => string | undefined;

/** Writes `traceparent` and `tracestate` of the active span into the carrier; nothing when there is no valid span. */
export function injectTraceContext(carrier: Record<string, string>, from: Context = context.active()): void {
  propagator.inject(from, carrier, defaultTextMapSetter);
}

/** The sender's trace context as a remote parent; the root context when absent or malformed. Never throws. */
export function extractTraceContext(header: HeaderReader): Context {
  const carrier: Record<string, string> = {};
  const traceparent = header(TRACEPARENT);
  const tracestate = header(TRACESTATE);
  if (traceparent === undefined) return ROOT_CONTEXT;
  carrier[TRACEPARENT] = traceparent;
  if (tracestate !== undefined) carrier[TRACESTATE] = tracestate;
  return propagator.extract(ROOT_CONTEXT, carrier, defaultTextMapGetter);
}

const FLAG_INDEX = 54;
const ZERO = 48;
const SAMPLED = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f][13579bdf](?:-|$)/;

/**
 * Whether the sender sampled the trace, read from the header alone so that unsampled messages cost no call into the
 * SDK. False when absent or malformed. https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function traceparentIsSampled(value: string | undefined): boolean {
  // The last digit of the flags, in every version: nearly all unsampled headers end here.
  if (value === undefined || value.charCodeAt(FLAG_INDEX) === ZERO) return false;
  return SAMPLED.test(value) && !(value.startsWith('00') && value.length > 55);
}
