import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { COMPANY_ID_PATTERN } from './company-id.ts';

/**
 * Schema history of messages, newest last; readers accept unknown fields.
 *
 * 1: texts and reactions of one-to-one chats.
 */
export const MESSAGE_SCHEMA_VERSION = 1;

/** Who wrote. At least one address is known; a LID never stands in for a phone number. */
const Sender = Type.Object({
  phoneNumber: Type.Optional(Type.String({ pattern: '^[1-9][0-9]{9,14}$' })),
  lid: Type.Optional(Type.String({ pattern: '^[0-9]{1,20}$' })),
  /** The name that the sender gave itself. */
  name: Type.Optional(Type.String({ maxLength: 256 })),
});

const envelope = {
  companyId: Type.String({ pattern: COMPANY_ID_PATTERN }),
  /** WhatsApp's id of the message, unique within the chat. */
  id: Type.String({ minLength: 1, maxLength: 128 }),
  from: Sender,
  /** ms since the epoch, by WhatsApp's clock. */
  timestamp: Type.Integer({ minimum: 0 }),
};

/** What somebody wrote to the company's WhatsApp. */
export const MESSAGE_SCHEMAS = {
  text: Type.Object({
    type: Type.Literal('text'),
    ...envelope,
    text: Type.String({ minLength: 1 }),
    /** The text was longer than a message on the bus may be, and is cut. */
    truncated: Type.Optional(Type.Boolean()),
  }),
  reaction: Type.Object({
    type: Type.Literal('reaction'),
    ...envelope,
    /** The message that it is a reaction to. */
    targetId: Type.String({ minLength: 1, maxLength: 128 }),
    /** Empty when the reaction was taken back. */
    emoji: Type.String({ maxLength: 64 }),
  }),
} as const;

type Schemas = typeof MESSAGE_SCHEMAS;

/** The body of a message on `whatsapp.messages.<companyId>`. */
export type IncomingMessage = { [Kind in keyof Schemas]: Static<Schemas[Kind]> }[keyof Schemas];

/** The longest text that WhatsApp takes, in UTF-16 units. */
export const MAX_TEXT_LENGTH = 65_536;

const validators = new Map(Object.entries(MESSAGE_SCHEMAS).map(([type, schema]) => [type, Compile(schema)]));

/** Parses a message body; `undefined` when it is none, or when its sender has no address at all. */
export function parseIncomingMessage(body: Uint8Array): IncomingMessage | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
    const { type } = value as { type?: unknown };
    if (typeof type !== 'string' || validators.get(type)?.Check(value) !== true) return undefined;
    const message = value as IncomingMessage;
    return message.from.phoneNumber === undefined && message.from.lid === undefined ? undefined : message;
  } catch {
    return undefined;
  }
}
