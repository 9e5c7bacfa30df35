import { randomBytes } from 'node:crypto';
import type { CompanyId } from '../../../shared/contract/company-id.ts';
import type { OrderedEvent } from '../../../shared/contract/events.ts';
import { cloudEventHeaders, MESSAGE_ID, TRACEPARENT } from '../../../shared/contract/headers.ts';
import { eventId, type Position } from '../../../shared/contract/position.ts';

/** One synthetic connect, ready to be sent. */
export interface OutgoingEvent {
  readonly companyId: CompanyId;
  readonly id: string;
  readonly position: Position;
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** A number that belongs to nobody. */
const PHONE_NUMBER = '79990000001';
const encoder = new TextEncoder();

/**
 * An event as the WhatsApp service publishes it. `occurredAtUs` is the intended send time, so that the services count
 * their latency and its first stage from there too.
 */
export function toOutgoing(
  companyId: CompanyId,
  position: Position,
  { occurredAtUs, sampled }: { readonly occurredAtUs: number; readonly sampled: boolean },
): OutgoingEvent {
  const id = eventId(companyId, position);
  const event: OrderedEvent = {
    type: 'connected',
    companyId,
    phoneNumber: PHONE_NUMBER,
    timestamp: Math.floor(occurredAtUs / 1000),
    id,
    ...position,
    occurredAt: Math.round(occurredAtUs),
    publishedAt: Math.round(occurredAtUs),
    synthetic: true,
    state: 'connected',
  };
  const headers = {
    ...cloudEventHeaders(event, 'load'),
    [TRACEPARENT]: traceparent(sampled),
    [MESSAGE_ID]: id,
  };
  return { companyId, id, position, body: encoder.encode(JSON.stringify(event)), headers };
}

function traceparent(sampled: boolean): string {
  const bytes = randomBytes(24).toString('hex');
  return `00-${bytes.slice(0, 32)}-${bytes.slice(32)}-0${sampled ? 1 : 0}`;
}
