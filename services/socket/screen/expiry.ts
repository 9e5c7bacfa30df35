import type { SessionEvent } from '../../../shared/contract/events.ts';

/**
 * Until when the QR and the pairing code of an event may be shown, in ms of the gateway's monotonic clock. Absent when
 * the event has none.
 */
export interface Expiry {
  readonly qrUntilMs: number | undefined;
  readonly codeUntilMs: number | undefined;
}

/** Up to this age an event from the stream is trusted without knowing how far the owner's clock is off, in ms. */
const TRUSTED_AGE_MS = 5000;

/** A live event was made a moment ago, so its time to live begins now, whatever the two clocks say. */
export function liveExpiry(event: SessionEvent, nowMs: number): Expiry {
  return { qrUntilMs: event.qr && nowMs + event.qr.ttlMs, codeUntilMs: event.code && nowMs + event.code.ttlMs };
}

export interface StoredClocks {
  /** Monotonic, in ms. */
  readonly nowMs: number;
  /** ms since the epoch, own clock. */
  readonly wallMs: number;
  /** The owner's clock minus the own one in ms; `undefined` while nobody answered. */
  readonly offsetMs: number | undefined;
}

/**
 * An event from the stream has an age: its time to live is what is left of it by the owner's clock. Answers `unknown`
 * when the clocks were never compared and the event is not plainly fresh: then only the owner can say.
 */
export function storedExpiry(event: SessionEvent, { nowMs, wallMs, offsetMs }: StoredClocks): Expiry | 'unknown' {
  if (!event.qr && !event.code) return { qrUntilMs: undefined, codeUntilMs: undefined };
  const ageMs = wallMs + (offsetMs ?? 0) - event.timestamp;
  if (offsetMs === undefined && Math.abs(ageMs) > TRUSTED_AGE_MS) return 'unknown';
  // A small negative age is what is left of the clocks' difference; it never lengthens a life.
  const bornMs = nowMs - Math.max(0, ageMs);
  return liveExpiry(event, bornMs);
}

/** No QR or code of the event may be shown. */
export const EXPIRED: Expiry = { qrUntilMs: -Infinity, codeUntilMs: -Infinity };

/** The next moment after `nowMs` at which something on the page expires, or `undefined`. */
export function nextExpiryMs(
  { qrUntilMs = -Infinity, codeUntilMs = -Infinity }: Expiry,
  nowMs: number,
): number | undefined {
  const next = Math.min(qrUntilMs > nowMs ? qrUntilMs : Infinity, codeUntilMs > nowMs ? codeUntilMs : Infinity);
  return next === Infinity ? undefined : next;
}
