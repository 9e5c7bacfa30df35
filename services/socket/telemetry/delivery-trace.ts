import { SpanKind, context, trace, type Attributes, type Context, type SpanOptions } from '@opentelemetry/api';
import { extractTraceContext, traceparentIsSampled, type HeaderReader } from '../../../shared/bus/trace-context.ts';
import type { CompanyId } from '../../../shared/contract/company-id.ts';
import { stateOf } from '../../../shared/contract/decode-event.ts';
import type { SessionEvent } from '../../../shared/contract/events.ts';
import { TRACEPARENT } from '../../../shared/contract/headers.ts';
import { EVENTS_TEMPLATE, eventsSubject } from '../../../shared/contract/subjects.ts';
import { ATTRIBUTES } from '../../../shared/telemetry/attributes.ts';
import { mainEmitOf } from '../screen/session-emits.ts';

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
  const creator = trace.getSpanContext(parent);
  const process: SpanOptions = {
    kind: SpanKind.CONSUMER,
    attributes: processAttributes(delivery),
    // By the messaging conventions the creation context of a message is a link, besides being the parent here.
    ...(creator && { links: [{ context: creator }] }),
  };
  inSpan(`process ${EVENTS_TEMPLATE}`, process, parent, (processing) => {
    const options = { kind: SpanKind.PRODUCER, attributes: emitAttributes(delivery) };
    inSpan(`emit ${mainEmitOf(delivery.event)}`, options, processing, (emitting) => {
      const span = trace.getSpanContext(emitting);
      emit(span && { trace_id: span.traceId, span_id: span.spanId });
    });
  });
}

function inSpan(name: string, options: SpanOptions, parent: Context, run: (inside: Context) => void): void {
  const span = tracer.startSpan(name, options, parent);
  const inside = trace.setSpan(parent, span);
  try {
    context.with(inside, () => run(inside));
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
