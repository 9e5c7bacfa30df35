import { describe, expect, test } from 'vitest';
import { formatEventView, isOfCompany, toEventView, type SeenMessage } from './event-line.ts';

const NOW = 1_764_870_000_000;
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

function message(body: unknown, subject = 'whatsapp.events.company_962302', traceparent?: string): SeenMessage {
  const bytes = body instanceof Uint8Array ? body : new TextEncoder().encode(JSON.stringify(body));
  return { subject, body: bytes, header: (name) => (name === 'traceparent' ? traceparent : undefined) };
}

const event = { type: 'connected', companyId: 'company_962302', phoneNumber: '79990000001', timestamp: NOW - 250 };

describe('an event', () => {
  test('is one line: age, type, state, company, position, masked phone, trace', () => {
    const owned = { ...event, epoch: 3, seq: 7, occurredAt: (NOW - 40) * 1000, republished: true };
    const view = toEventView(message(owned, undefined, `00-${TRACE}-00f067aa0ba902b7-01`), NOW);
    expect(formatEventView(view).replaceAll(/ {2,}/g, ' | ')).toMatch(
      new RegExp(
        String.raw`^\d\d:\d\d:\d\d\.000 \| 40 ms \| connected \| connected \| company_962302 \| 3:7 \| 7\*{8}01 \| republished \| trace=${TRACE}$`,
      ),
    );
  });

  test('published by hand is called so and aged by its timestamp', () => {
    const view = toEventView(message(event), NOW);
    expect(view).toMatchObject({ ageMs: 250, type: 'connected', state: 'connected' });
    expect(formatEventView(view)).toContain('by hand');
  });

  test.each([
    ['qr', { qr: { text: 'SECRET', expiresAt: NOW, ttlMs: 1 } }],
    ['pairing-code', { code: { text: 'ABCD1234', phoneNumber: '79990000001', expiresAt: NOW, ttlMs: 1 } }],
  ])('of type %s shows neither its text nor a whole phone number', (type, fields) => {
    const view = toEventView(message({ ...event, type, ...fields }), NOW);
    const shown = formatEventView(view) + JSON.stringify(view);
    expect(view.type).toBe(type);
    expect(shown).not.toMatch(/SECRET|ABCD1234|79990000001/);
  });

  test('cannot steer the terminal or start a line of its own', () => {
    const view = toEventView(message({ ...event, type: 'failed', reason: 'a\u001B[2J\nb\u202E' }), NOW);
    expect(formatEventView(view)).toMatch(/reason=a\?\[2J\?b\?$/);
  });
});

describe('a message that services drop', () => {
  test.each([
    ['json', new TextEncoder().encode('{"type":')],
    ['schema', { ...event, phoneNumber: '100000000000001@lid' }],
    ['unknown_type', { ...event, type: 'dance' }],
    ['subject', { ...event, companyId: 'company_1' }],
    ['reserved_id', { ...event, synthetic: true }],
    ['too_large', new Uint8Array(64 * 1024 + 1)],
  ])('for %s is marked with the reason and repeats nothing of the body', (reason, body) => {
    const view = toEventView(message(body), NOW);
    expect(view).toMatchObject({ invalid: { reason }, companyId: 'company_962302' });
    expect(formatEventView(view)).toContain('INVALID');
    expect(JSON.stringify(view)).not.toMatch(/7999|@lid|dance/);
  });

  test('because of its subject is marked too', () => {
    const view = toEventView(message(event, 'whatsapp.events.962302'), NOW);
    expect(view).toMatchObject({ invalid: { reason: 'subject' }, subject: 'whatsapp.events.962302' });
  });
});

test('a filter takes one company and no unreadable subject', () => {
  expect(isOfCompany({ subject: 'whatsapp.events.company_962302' }, 'company_962302')).toBe(true);
  expect(isOfCompany({ subject: 'whatsapp.events.company_9623020' }, 'company_962302')).toBe(false);
  expect(isOfCompany({ subject: 'whatsapp.events.962302' }, 'company_962302')).toBe(false);
});
