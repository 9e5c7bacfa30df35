import { reservedRangeOf, type CompanyId } from '../../../shared/contract/company-id.ts';
import type { EventType, OrderedEvent } from '../../../shared/contract/events.ts';
import { eventId, type Position } from '../../../shared/contract/position.ts';
import type { Machine } from './machine.ts';

/** When something happened, on both clocks: one for other machines, one for durations inside this process. */
export interface Occurrence {
  /** µs since the epoch. */
  readonly wallUs: number;
  /** Monotonic ms. */
  readonly monotonicMs: number;
}

/** An event that has no place in the company's order yet. */
export interface EventDraft {
  readonly type: EventType;
  /** The whole state at the moment of the event. */
  readonly machine: Machine;
  readonly occurred: Occurrence;
  /** The stream lacked the state: it enters no latency histogram. */
  readonly republished: boolean;
}

/** The event at its place. `nowMs` is the moment of publishing, from which the remaining life of a QR or code is counted. */
export function toOrderedEvent(
  companyId: CompanyId,
  position: Position,
  { type, machine, occurred, republished }: EventDraft,
  nowMs: number,
): OrderedEvent {
  const { state, account, qr, code, failure, ending } = machine;
  const event = {
    type,
    companyId,
    timestamp: nowMs,
    id: eventId(companyId, position),
    ...position,
    occurredAt: occurred.wallUs,
    synthetic: reservedRangeOf(companyId) !== undefined,
    ...(republished && { republished }),
    state,
    ...account,
    ...(qr && { qr: withTimeLeft(qr, nowMs) }),
    ...(code && { code: withTimeLeft(code, nowMs) }),
    ...(failure && { error: failure }),
    ...ending,
  };
  // Which fields a type requires is the state machine's promise; the tests decode every event against its schema.
  return event as OrderedEvent;
}

/** The event as an answer given at `nowMs`: what expires is counted from now, and what has expired is not in it. */
export function toSnapshot(event: OrderedEvent, nowMs: number): OrderedEvent {
  const { qr, code, ...rest } = event;
  const shown = qr ?? code;
  if (!shown) return event;
  if (shown.expiresAt <= nowMs) return { ...rest, type: 'starting', state: 'starting' };
  return { ...event, ...(qr && { qr: withTimeLeft(qr, nowMs) }), ...(code && { code: withTimeLeft(code, nowMs) }) };
}

/** A QR or code that died before it was published is nothing to show: the next event of the session is already due. */
export function isWorthPublishing({ type, machine }: EventDraft, nowMs: number): boolean {
  if (type === 'qr') return machine.qr !== undefined && machine.qr.expiresAt > nowMs;
  return type !== 'pairing-code' || (machine.code !== undefined && machine.code.expiresAt > nowMs);
}

function withTimeLeft<Q extends { readonly expiresAt: number }>(qr: Q, nowMs: number): Q & { readonly ttlMs: number } {
  return { ...qr, ttlMs: Math.max(1, qr.expiresAt - nowMs) };
}
