import { asCanonicalCompanyId } from '../../shared/contract/company-id.ts';
import { decodeEvent, stateOf, type InvalidReason } from '../../shared/contract/decode-event.ts';
import type { SessionEvent } from '../../shared/contract/events.ts';
import { TRACEPARENT } from '../../shared/contract/headers.ts';
import { companyIdOfEventsSubject } from '../../shared/contract/subjects.ts';
import { formatClock } from '../local/clock.ts';

/** A message as it came, before anything is known to be right about it. */
export interface SeenMessage {
  readonly subject: string;
  readonly body: Uint8Array;
  header(name: string): string | undefined;
}

/** What is shown of an event. Never a QR, a pairing code or a whole phone number. */
export interface EventView {
  /** ms since the epoch, when it arrived here. */
  readonly receivedAt: number;
  readonly subject: string;
  /** ms since it happened, by the two clocks' difference; negative when they disagree. */
  readonly ageMs?: number;
  readonly type?: string;
  readonly state?: string;
  readonly companyId?: string;
  readonly epoch?: number;
  readonly seq?: number;
  readonly phone?: string;
  readonly reason?: string;
  readonly republished?: true;
  readonly traceId?: string;
  /** Why services drop it; the fields of the event are absent then. */
  readonly invalid?: { readonly reason: InvalidReason; readonly detail: string };
}

/** Decodes a message exactly as the services do. Never throws. */
export function toEventView(message: SeenMessage, nowMs: number): EventView {
  const { subject, body } = message;
  const companyId = companyIdOfEventsSubject(subject);
  const traceId = /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(message.header(TRACEPARENT) ?? '')?.[1];
  const seen = { receivedAt: nowMs, subject, ...(traceId !== undefined && { traceId }) };
  if (!companyId) {
    return { ...seen, invalid: { reason: 'subject', detail: 'the subject does not end in a company id' } };
  }
  const decoded = decodeEvent(companyId, body);
  if (!decoded.ok) return { ...seen, companyId, invalid: { reason: decoded.reason, detail: decoded.detail } };
  return { ...seen, ...toFields(decoded.event, nowMs) };
}

function toFields(event: SessionEvent, nowMs: number): Partial<EventView> {
  const { epoch, seq, phoneNumber } = event;
  const happenedMs = event.occurredAt === undefined ? event.timestamp : event.occurredAt / 1000;
  return {
    ageMs: Math.round(nowMs - happenedMs),
    type: event.type,
    state: stateOf(event),
    companyId: event.companyId,
    ...(epoch !== undefined && { epoch }),
    ...(seq !== undefined && { seq }),
    ...(phoneNumber !== undefined && { phone: maskPhoneNumber(phoneNumber) }),
    ...('reason' in event && event.reason !== undefined && { reason: event.reason }),
    ...(event.republished === true && { republished: true as const }),
  };
}

/** One line for people: time, age, type, state, company, what else is known. */
export function formatEventView(view: EventView): string {
  const place = view.epoch === undefined ? 'by hand' : `${view.epoch}:${view.seq ?? ''}`;
  const columns = view.invalid
    ? ['', 'INVALID', view.invalid.reason, view.companyId ?? view.subject, '', view.invalid.detail]
    : [formatAge(view.ageMs ?? 0), view.type ?? '', view.state ?? '', view.companyId ?? '', place, view.phone ?? ''];
  const widths = [8, 18, 16, 27, 9, 13];
  const rest = [
    ...(view.reason === undefined ? [] : [`reason=${view.reason}`]),
    ...(view.republished ? ['republished'] : []),
    ...(view.traceId === undefined ? [] : [`trace=${view.traceId}`]),
  ];
  const line = [
    formatClock(view.receivedAt),
    ...columns.map((text, index) => text.padEnd(widths[index] ?? 0)),
    ...rest,
  ];
  return withoutControls(line.join('  ').trimEnd());
}

/** Whether the message belongs to the company; for an unreadable subject the answer is no. */
export function isOfCompany({ subject }: { readonly subject: string }, companyId: string): boolean {
  return companyIdOfEventsSubject(subject) === asCanonicalCompanyId(companyId);
}

/** The first digit and the last two. */
function maskPhoneNumber(phoneNumber: string): string {
  return `${phoneNumber.slice(0, 1)}${'*'.repeat(Math.max(phoneNumber.length - 3, 0))}${phoneNumber.slice(-2)}`;
}

function formatAge(ageMs: number): string {
  if (Math.abs(ageMs) < 1000) return `${ageMs} ms`;
  if (Math.abs(ageMs) < 100_000) return `${(ageMs / 1000).toFixed(1)} s`;
  return `${Math.round(ageMs / 60_000)} min`;
}

/** Anybody may publish: what they wrote must not steer the terminal. */
function withoutControls(text: string): string {
  return text.replaceAll(/\p{C}/gu, '?');
}
