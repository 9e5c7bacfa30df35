import { SpanKind, type Attributes, type SpanContext, type SpanOptions } from '@opentelemetry/api';
import type { CompanyId } from '../contract/company-id.ts';
import {
  COMMANDS_TEMPLATE,
  commandsSubject,
  EVENTS_TEMPLATE,
  eventsSubject,
  MESSAGES_TEMPLATE,
  messagesSubject,
} from '../contract/subjects.ts';
import { ATTRIBUTES } from './attributes.ts';

/** A span of one messaging operation, named `{operation} {destination template}` by the semantic conventions. */
export interface MessagingSpan {
  readonly name: string;
  readonly options: SpanOptions;
}

/** The publish of one event. The message carries this span's context, so it is the event's creation context. */
export function publishEventSpan(companyId: CompanyId, messageId: string): MessagingSpan {
  const attributes = { ...eventAttributes(companyId, 'publish', 'send'), [ATTRIBUTES.messageId]: messageId };
  return { name: `publish ${EVENTS_TEMPLATE}`, options: { kind: SpanKind.PRODUCER, attributes } };
}

/** The publish of one message of a chat. */
export function publishMessageSpan(companyId: CompanyId, messageId: string): MessagingSpan {
  const attributes: Attributes = {
    [ATTRIBUTES.messagingSystem]: 'nats',
    [ATTRIBUTES.operationName]: 'publish',
    [ATTRIBUTES.operationType]: 'send',
    [ATTRIBUTES.destinationName]: messagesSubject(companyId),
    [ATTRIBUTES.destinationTemplate]: MESSAGES_TEMPLATE,
    [ATTRIBUTES.messageId]: messageId,
  };
  return { name: `publish ${MESSAGES_TEMPLATE}`, options: { kind: SpanKind.PRODUCER, attributes } };
}

/** The processing of one event. Give it the sender's context as parent; that same context is also its link. */
export function processEventSpan(
  companyId: CompanyId,
  messageId: string | undefined,
  creator: SpanContext | undefined,
): MessagingSpan {
  const attributes: Attributes = {
    ...eventAttributes(companyId, 'process', 'process'),
    ...(messageId !== undefined && { [ATTRIBUTES.messageId]: messageId }),
  };
  return {
    name: `process ${EVENTS_TEMPLATE}`,
    options: { kind: SpanKind.CONSUMER, attributes, ...(creator && { links: [{ context: creator }] }) },
  };
}

/** A command on its way to the session's owner and back. */
export function requestCommandSpan(companyId: CompanyId, command: string): MessagingSpan {
  return {
    name: `request ${COMMANDS_TEMPLATE}`,
    options: { kind: SpanKind.CLIENT, attributes: commandAttributes(companyId, command, 'request', 'send') },
  };
}

/** A command at its receiver, on whichever subject it came. */
export function processCommandSpan(
  companyId: CompanyId,
  command: string,
  creator: SpanContext | undefined,
): MessagingSpan {
  const attributes = commandAttributes(companyId, command, 'process', 'process');
  return {
    name: `process ${COMMANDS_TEMPLATE}`,
    options: { kind: SpanKind.CONSUMER, attributes, ...(creator && { links: [{ context: creator }] }) },
  };
}

function eventAttributes(companyId: CompanyId, operation: string, operationType: string): Attributes {
  return {
    [ATTRIBUTES.messagingSystem]: 'nats',
    [ATTRIBUTES.operationName]: operation,
    [ATTRIBUTES.operationType]: operationType,
    [ATTRIBUTES.destinationName]: eventsSubject(companyId),
    [ATTRIBUTES.destinationTemplate]: EVENTS_TEMPLATE,
  };
}

function commandAttributes(
  companyId: CompanyId,
  command: string,
  operation: string,
  operationType: string,
): Attributes {
  return {
    [ATTRIBUTES.companyId]: companyId,
    [ATTRIBUTES.command]: command,
    [ATTRIBUTES.messagingSystem]: 'nats',
    [ATTRIBUTES.operationName]: operation,
    [ATTRIBUTES.operationType]: operationType,
    [ATTRIBUTES.destinationName]: commandsSubject(companyId),
    [ATTRIBUTES.destinationTemplate]: COMMANDS_TEMPLATE,
  };
}
