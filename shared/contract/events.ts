import { Type, type Static } from 'typebox';
import { COMPANY_ID_PATTERN } from './company-id.ts';
import { MAX_EPOCH } from './position.ts';
import { SESSION_STATES, type SessionState } from './session-state.ts';

/**
 * Schema history, newest last. Readers accept unknown fields, so only a change that an older reader would misread
 * needs a new version.
 *
 * 1: session lifecycle with the whole state in every event. `publishedAt` came later: older readers ignore it.
 */
export const EVENT_SCHEMA_VERSION = 1;

const Millis = Type.Integer({ minimum: 0 });
const Digits = Type.String({ pattern: '^[0-9]{10,15}$' });

/** A QR text as the phone scans it. `ttlMs` counts from the moment the event was made, `expiresAt` is the same in ms since the epoch. */
const Qr = Type.Object({
  text: Type.String({ minLength: 1, maxLength: 4096 }),
  expiresAt: Millis,
  ttlMs: Type.Integer({ minimum: 1 }),
});

/** A pairing code to be typed on the phone whose number is `phoneNumber`. */
const PairingCode = Type.Object({
  text: Type.String({ pattern: '^[1-9A-HJ-NP-TV-Z]{8}$' }),
  phoneNumber: Digits,
  expiresAt: Millis,
  ttlMs: Type.Integer({ minimum: 1 }),
});

const Position = {
  /** `<companyId>:<epoch>:<seq>`: the message id of the stream. */
  id: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
  /** Ownership number of the session: rises with every acquisition. Present together with `seq`, or not at all. */
  epoch: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_EPOCH })),
  /** Position within the epoch, from 1, without gaps. */
  seq: Type.Optional(Type.Integer({ minimum: 1 })),
  /** When WhatsApp reported it, in µs since the epoch; kept by a republished event. */
  occurredAt: Type.Optional(Type.Integer({ minimum: 0 })),
  /** When this message was sent, in µs since the epoch: the wait for NATS and earlier attempts lie before it. */
  publishedAt: Type.Optional(Type.Integer({ minimum: 0 })),
  /** True exactly for the reserved company ids of the canary and of load tests. */
  synthetic: Type.Optional(Type.Boolean()),
  /** The owner published the state again because the stream did not have it: enters no latency histogram. */
  republished: Type.Optional(Type.Boolean()),
};

const State = {
  // A union made from an array has no static type of its own.
  state: Type.Optional(Type.Unsafe<SessionState>(Type.Union(SESSION_STATES.map((state) => Type.Literal(state))))),
  qr: Type.Optional(Qr),
  code: Type.Optional(PairingCode),
  /** E.164 digits; comes from a phone-number JID or a known mapping, never from a LID. */
  phoneNumber: Type.Optional(Digits),
  /** The user part of the account's `@lid` address. */
  lid: Type.Optional(Type.String({ pattern: '^[0-9]{1,20}$' })),
  name: Type.Optional(Type.String({ maxLength: 256 })),
};

const Ending = {
  reason: Type.Optional(Type.String({ maxLength: 64 })),
  willRetry: Type.Optional(Type.Boolean()),
  retryAt: Type.Optional(Millis),
};

const envelope = {
  companyId: Type.String({ pattern: COMPANY_ID_PATTERN }),
  /** ms since the epoch, when the event was made: from then on a QR or code lives for its `ttlMs`. */
  timestamp: Millis,
  ...Position,
  ...State,
};

function event<const Name extends string>(type: Name) {
  return Type.Object({ type: Type.Literal(type), ...envelope });
}

/** What happened; the state that it led to is in the same event. */
export const EVENT_SCHEMAS = {
  starting: event('starting'),
  qr: Type.Object({ type: Type.Literal('qr'), ...envelope, qr: Qr }),
  'qr-expired': event('qr-expired'),
  'pairing-code': Type.Object({ type: Type.Literal('pairing-code'), ...envelope, code: PairingCode }),
  'pairing-code-error': Type.Object({
    type: Type.Literal('pairing-code-error'),
    ...envelope,
    error: Type.Object({ code: Type.String({ maxLength: 64 }), message: Type.String({ maxLength: 512 }) }),
  }),
  'passkey-required': event('passkey-required'),
  linked: event('linked'),
  connected: Type.Object({ type: Type.Literal('connected'), ...envelope, phoneNumber: Digits }),
  disconnected: Type.Object({ type: Type.Literal('disconnected'), ...envelope, ...Ending }),
  replaced: Type.Object({ type: Type.Literal('replaced'), ...envelope, ...Ending }),
  'logged-out': Type.Object({ type: Type.Literal('logged-out'), ...envelope, ...Ending }),
  'client-outdated': Type.Object({ type: Type.Literal('client-outdated'), ...envelope, ...Ending }),
  failed: Type.Object({ type: Type.Literal('failed'), ...envelope, ...Ending }),
} as const;

export type EventType = keyof typeof EVENT_SCHEMAS;

type Schemas = typeof EVENT_SCHEMAS;

/** Any session event as it stands in a message body on `whatsapp.events.<companyId>`. */
export type SessionEvent = { [Type_ in EventType]: Static<Schemas[Type_]> }[EventType];

/** An event of its owner: it has a place in the company's order. */
export type OrderedEvent = SessionEvent & { readonly id: string; readonly epoch: number; readonly seq: number };
