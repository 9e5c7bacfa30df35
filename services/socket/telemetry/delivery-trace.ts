import {
  SpanKind,
  context,
  trace,
  type Attributes,
  type Context,
  type Span,
  type SpanOptions,
} from '@opentelemetry/api';
import { extractTraceContext, traceparentIsSampled, type HeaderReader } from '../../../shared/bus/trace-context.ts';
import type { CompanyId } from '../../../shared/contract/company-id.ts';
import { stateOf } from '../../../shared/contract/decode-event.ts';
import type { SessionEvent } from '../../../shared/contract/events.ts';
import { TRACEPARENT } from '../../../shared/contract/headers.ts';
import { ATTRIBUTES } from '../../../shared/telemetry/attributes.ts';
import type { Exemplar } from '../../../shared/telemetry/duration-histogram.ts';
import { processEventSpan } from '../../../shared/telemetry/messaging-spans.ts';
import { failSpan } from '../../../shared/telemetry/spans.ts';
import { mainEmitOf } from '../screen/session-emits.ts';

export interface TracedDelivery {
  readonly companyId: CompanyId;
  readonly event: SessionEvent;
  readonly roomSize: number;
  /** Of the message that carried the event. */
  readonly header: HeaderReader;
}

const tracer = trace.getTracer('socket');

/**
 * Runs `emit`, inside the spans of this delivery when the sender sampled the trace: the flag is read from the header
 * before anything else, because a call into the SDK costs ten times the look. `emit` is told the exemplar to record with.
 */
export function traceDelivery(delivery: TracedDelivery, emit: (exemplar: Exemplar | undefined) => void): void {
  if (!traceparentIsSampled(delivery.header(TRACEPARENT))) {
    emit(undefined);
    return;
  }
  const parent = extractTraceContext(delivery.header);
  const { companyId, event } = delivery;
  const { name, options } = processEventSpan(companyId, event.id, trace.getSpanContext(parent));
  const process = { ...options, attributes: { ...options.attributes, ...sessionAttributes(event) } };
  inSpan(name, process, parent, (processing) => {
    const emitting = { kind: SpanKind.PRODUCER, attributes: emitAttributes(delivery) };
    inSpan(`emit ${mainEmitOf(event)}`, emitting, processing, (inside) => {
      const span = trace.getSpanContext(inside);
      emit(span && { trace_id: span.traceId, span_id: span.spanId });
    });
  });
}

/** The span of one browser's acknowledgement, below the emit that is going on; `undefined` when nobody sampled that. */
export function startAcknowledgement(event: SessionEvent): Span | undefined {
  if (trace.getActiveSpan()?.isRecording() !== true) return undefined;
  const attributes: Attributes = {
    [ATTRIBUTES.messagingSystem]: 'socket.io',
    [ATTRIBUTES.operationName]: 'ack',
    [ATTRIBUTES.operationType]: 'settle',
    ...sessionAttributes(event),
  };
  return tracer.startSpan(`ack ${mainEmitOf(event)}`, { kind: SpanKind.CLIENT, attributes });
}

function inSpan(name: string, options: SpanOptions, parent: Context, run: (inside: Context) => void): void {
  const span = tracer.startSpan(name, options, parent);
  const inside = trace.setSpan(parent, span);
  try {
    context.with(inside, () => run(inside));
  } catch (error) {
    failSpan(span, error);
    throw error;
  } finally {
    span.end();
  }
}

function emitAttributes({ event, roomSize }: TracedDelivery): Attributes {
  return {
    [ATTRIBUTES.messagingSystem]: 'socket.io',
    [ATTRIBUTES.operationName]: 'emit',
    [ATTRIBUTES.operationType]: 'send',
    [ATTRIBUTES.roomSize]: roomSize,
    ...sessionAttributes(event),
  };
}

function sessionAttributes(event: SessionEvent): Attributes {
  return {
    [ATTRIBUTES.companyId]: event.companyId,
    [ATTRIBUTES.eventType]: event.type,
    [ATTRIBUTES.sessionState]: stateOf(event),
    [ATTRIBUTES.synthetic]: event.synthetic === true,
  };
}
