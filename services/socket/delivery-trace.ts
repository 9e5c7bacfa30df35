import { SpanKind, context, trace, type Attributes, type Context } from '@opentelemetry/api';
import { extractTraceContext, traceparentIsSampled, type HeaderReader } from '../../shared/bus/trace-context.ts';
import type { CompanyId } from '../../shared/contract/company-id.ts';
import { stateOf } from '../../shared/contract/decode-event.ts';
import type { SessionEvent } from '../../shared/contract/events.ts';
import { TRACEPARENT } from '../../shared/contract/headers.ts';
import { EVENTS_TEMPLATE, eventsSubject } from '../../shared/contract/subjects.ts';
import { ATTRIBUTES } from '../../shared/telemetry/attributes.ts';
import { mainEmitOf } from './session-emits.ts';

/** The labels of an exemplar: nothing else fits into its 128 characters with certainty. */
export interface Exemplar {
  readonly trace_id: string;
  readonly span_id: string;
}

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
  inSpan(
    `process ${EVENTS_TEMPLATE}`,
    { kind: SpanKind.CONSUMER, attributes: processAttributes(delivery), parent },
    () => {
      const attributes = emitAttributes(delivery);
      inSpan(`emit ${mainEmitOf(delivery.event)}`, { kind: SpanKind.PRODUCER, attributes }, emit);
    },
  );
}

interface SpanOptions {
  readonly kind: SpanKind;
  readonly attributes: Attributes;
  /** Linked as well: by the messaging conventions the creation context of a message is a link. */
  readonly parent?: Context;
}

function inSpan(name: string, { kind, attributes, parent }: SpanOptions, run: (exemplar: Exemplar) => void): void {
  const creator = parent && trace.getSpanContext(parent);
  const span = tracer.startSpan(
    name,
    { kind, attributes, ...(creator && { links: [{ context: creator }] }) },
    parent ?? context.active(),
  );
  const { traceId, spanId } = span.spanContext();
  try {
    context.with(trace.setSpan(parent ?? context.active(), span), () => run({ trace_id: traceId, span_id: spanId }));
  } catch (error) {
    span.setAttribute(ATTRIBUTES.errorType, error instanceof Error ? error.name : 'unknown');
    throw error;
  } finally {
    span.end();
  }
}

function processAttributes({ companyId, event }: TracedDelivery): Attributes {
  return {
    [ATTRIBUTES.messagingSystem]: 'nats',
    [ATTRIBUTES.operationName]: 'process',
    [ATTRIBUTES.operationType]: 'process',
    [ATTRIBUTES.destinationName]: eventsSubject(companyId),
    [ATTRIBUTES.destinationTemplate]: EVENTS_TEMPLATE,
    ...(event.id !== undefined && { [ATTRIBUTES.messageId]: event.id }),
    ...sessionAttributes(companyId, event),
  };
}

function emitAttributes({ companyId, event, roomSize }: TracedDelivery): Attributes {
  return {
    [ATTRIBUTES.messagingSystem]: 'socket.io',
    [ATTRIBUTES.operationName]: 'emit',
    [ATTRIBUTES.operationType]: 'send',
    [ATTRIBUTES.roomSize]: roomSize,
    ...sessionAttributes(companyId, event),
  };
}

function sessionAttributes(companyId: CompanyId, event: SessionEvent): Attributes {
  return {
    [ATTRIBUTES.companyId]: companyId,
    [ATTRIBUTES.eventType]: event.type,
    [ATTRIBUTES.sessionState]: stateOf(event),
    [ATTRIBUTES.synthetic]: event.synthetic === true,
  };
}
