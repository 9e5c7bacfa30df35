import { SpanKind, trace } from '@opentelemetry/api';
import type { ChatMessage, MessagePublisher } from '../../../shared/bus/message-publisher.ts';
import { injectTraceContext } from '../../../shared/bus/trace-context.ts';
import type { CompanyId } from '../../../shared/contract/company-id.ts';
import { messageHeaders } from '../../../shared/contract/headers.ts';
import type { IncomingMessage } from '../../../shared/contract/messages.ts';
import { MAX_EVENT_BYTES, MESSAGES_TEMPLATE } from '../../../shared/contract/subjects.ts';
import { ATTRIBUTES } from '../../../shared/telemetry/attributes.ts';
import { publishMessageSpan } from '../../../shared/telemetry/messaging-spans.ts';
import { MESSAGE_SPAN } from '../../../shared/telemetry/span-names.ts';
import { endSpanWith } from '../../../shared/telemetry/spans.ts';
import type { Instruments } from '../instruments.ts';
import type { ReceivedMessage } from '../session/received-message.ts';

const tracer = trace.getTracer('whatsapp');
const encoder = new TextEncoder();

/** What a text may take on the bus: the stream's bound less headers and envelope. */
const MAX_TEXT_BYTES = MAX_EVENT_BYTES - 4096;

export interface MessageRelayOptions {
  readonly publisher: Pick<MessagePublisher, 'publish'>;
  readonly instruments: Instruments;
  /** `ce-source`: which replica published it. */
  readonly source: string;
}

/**
 * Puts what people write to companies on `whatsapp.messages.<companyId>`: each message a trace of its own that holds
 * neither text, name nor address, stored at least once and in order of arrival.
 */
export class MessageRelay {
  readonly #options: MessageRelayOptions;

  constructor(options: MessageRelayOptions) {
    this.#options = options;
  }

  /** Never rejects: a message that cannot be published is counted and logged, without what it says. */
  async relay(companyId: CompanyId, received: ReceivedMessage): Promise<void> {
    const { instruments } = this.#options;
    const message = toIncomingMessage(companyId, received);
    const attributes = { [ATTRIBUTES.companyId]: companyId, [ATTRIBUTES.eventType]: message.type };
    const options = { root: true, kind: SpanKind.INTERNAL, attributes };
    try {
      await tracer.startActiveSpan(MESSAGE_SPAN, options, (root) => endSpanWith(root, () => this.#publish(message)));
      instruments.messageRelayed(companyId, message.type, message.id);
    } catch (error) {
      instruments.messageDropped(companyId, message.id, error);
    }
  }

  #publish(message: IncomingMessage): Promise<void> {
    const companyId = message.companyId as CompanyId;
    const { name, options } = publishMessageSpan(companyId, message.id);
    return tracer.startActiveSpan(name, options, (span) =>
      endSpanWith(span, () => {
        const headers: Record<string, string> = { ...messageHeaders(message, this.#options.source) };
        injectTraceContext(headers);
        const chatMessage: ChatMessage = {
          id: `${companyId}:${message.id}`,
          body: encoder.encode(JSON.stringify(message)),
          headers,
        };
        const { publisher, instruments } = this.#options;
        return instruments.messaging.send('publish', MESSAGES_TEMPLATE, () =>
          publisher.publish(companyId, chatMessage),
        );
      }),
    );
  }
}

/** As the contract has it; a text beyond what the stream takes is cut and says so. */
export function toIncomingMessage(companyId: CompanyId, received: ReceivedMessage): IncomingMessage {
  const { from, ...rest } = received;
  const message = { companyId, ...rest, from: { ...from } };
  if (message.type === 'reaction') return message;
  const text = cut(message.text);
  return text === message.text ? message : { ...message, text, truncated: true };
}

/** JSON doubles quotes and backslashes and writes control characters with six: what counts is the size on the wire. */
function cut(text: string): string {
  let kept = text;
  while (Buffer.byteLength(JSON.stringify(kept)) > MAX_TEXT_BYTES) kept = kept.slice(0, Math.floor(kept.length * 0.9));
  // Half of a surrogate pair is no text.
  return kept.toWellFormed() === kept ? kept : kept.slice(0, -1);
}
