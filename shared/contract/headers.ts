import { EVENT_SCHEMA_VERSION, type OrderedEvent } from './events.ts';
import { MESSAGE_SCHEMA_VERSION, type IncomingMessage } from './messages.ts';

/** W3C trace context, lower case as the specification writes it; read case-insensitively. */
export const TRACEPARENT = 'traceparent';
export const TRACESTATE = 'tracestate';
/** JetStream's deduplication header: the event's id. */
export const MESSAGE_ID = 'Nats-Msg-Id';

/**
 * The CloudEvents 1.0 attributes of an event in the NATS protocol binding, binary content mode.
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/nats-protocol-binding.md
 */
export function cloudEventHeaders(event: OrderedEvent, source: string): Readonly<Record<string, string>> {
  return {
    'ce-specversion': '1.0',
    'ce-id': event.id,
    'ce-source': source,
    'ce-type': `whatsapp.session.${event.type}`,
    'ce-subject': event.companyId,
    'ce-time': new Date(event.timestamp).toISOString(),
    'ce-dataschema': `urn:whatsapp-event-broker:session-event:${EVENT_SCHEMA_VERSION}`,
    'content-type': 'application/json',
  };
}

/** The CloudEvents attributes of a message of a chat, as above. */
export function messageHeaders(message: IncomingMessage, source: string): Readonly<Record<string, string>> {
  return {
    'ce-specversion': '1.0',
    'ce-id': message.id,
    'ce-source': source,
    'ce-type': `whatsapp.message.${message.type}`,
    'ce-subject': message.companyId,
    'ce-time': new Date(message.timestamp).toISOString(),
    'ce-dataschema': `urn:whatsapp-event-broker:message:${MESSAGE_SCHEMA_VERSION}`,
    'content-type': 'application/json',
  };
}
