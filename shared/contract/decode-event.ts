import { Compile } from 'typebox/compile';
import { reservedRangeOf, type CompanyId } from './company-id.ts';
import { EVENT_SCHEMAS, type EventType, type SessionEvent } from './events.ts';
import type { SessionState } from './session-state.ts';
import { MAX_EVENT_BYTES } from './subjects.ts';

/** Why a message is no event: the `reason` label of `socket_invalid_events_total`. */
export const INVALID_REASONS = ['json', 'schema', 'unknown_type', 'subject', 'too_large', 'reserved_id'] as const;
export type InvalidReason = (typeof INVALID_REASONS)[number];

export type DecodedEvent =
  | { readonly ok: true; readonly event: SessionEvent }
  | { readonly ok: false; readonly reason: InvalidReason; readonly detail: string };

interface Validator {
  Check(value: unknown): boolean;
  Errors(value: unknown): readonly { readonly instancePath: string; readonly message: string }[];
}

/** Compiled once: a check costs about 0.1 µs, which is why this library is used on the hot path. */
const VALIDATORS: ReadonlyMap<string, Validator> = new Map(
  Object.entries(EVENT_SCHEMAS).map(([type, schema]) => [type, Compile(schema)]),
);

const decoder = new TextDecoder('utf-8', { fatal: true });

/**
 * Decodes one message of the company whose subject it came on. Never throws: everything that is wrong with a message
 * is a reason from the closed list, with a detail for the log that repeats no value from the body.
 */
export function decodeEvent(companyId: CompanyId, body: Uint8Array): DecodedEvent {
  if (body.length > MAX_EVENT_BYTES) return invalid('too_large', `${body.length} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(body));
  } catch (error) {
    return invalid('json', error instanceof SyntaxError ? 'not JSON' : 'not UTF-8');
  }
  if (typeof value !== 'object' || value === null || !('type' in value) || typeof value.type !== 'string') {
    return invalid('schema', 'not an object with a type');
  }
  const validator = VALIDATORS.get(value.type);
  if (!validator) return invalid('unknown_type', 'unknown event type');
  if (!validator.Check(value)) {
    const [first] = validator.Errors(value);
    return invalid('schema', first ? `${first.instancePath || '/'} ${first.message}` : 'schema');
  }
  return checkMeaning(companyId, value as SessionEvent);
}

/** What a schema cannot say: fields that must agree with each other or with the subject. */
function checkMeaning(companyId: CompanyId, event: SessionEvent): DecodedEvent {
  if (event.companyId !== companyId) return invalid('subject', 'companyId differs from the subject');
  if ((event.epoch === undefined) !== (event.seq === undefined)) return invalid('schema', 'epoch without seq');
  if ((event.synthetic === true) !== (reservedRangeOf(companyId) !== undefined)) {
    return invalid('reserved_id', 'synthetic must be true exactly for reserved ids');
  }
  return { ok: true, event };
}

function invalid(reason: InvalidReason, detail: string): DecodedEvent {
  return { ok: false, reason, detail };
}

const STATE_OF_TYPE = {
  starting: 'starting',
  qr: 'qr',
  'qr-expired': 'qr-expired',
  'pairing-code': 'pairing-code',
  'pairing-code-error': 'starting',
  'passkey-required': 'passkey-required',
  linked: 'linked',
  connected: 'connected',
  disconnected: 'disconnected',
  replaced: 'replaced',
  'logged-out': 'logged-out',
  'client-outdated': 'client-outdated',
  failed: 'failed',
} as const satisfies Record<EventType, SessionState>;

/** The session's state after the event: its `state`, or what the type implies when it was published by hand. */
export function stateOf(event: SessionEvent): SessionState {
  return event.state ?? STATE_OF_TYPE[event.type];
}
