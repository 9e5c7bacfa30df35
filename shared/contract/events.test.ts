import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { parseCompanyId } from './company-id.ts';
import { INVALID_REASONS, decodeEvent, stateOf } from './decode-event.ts';
import { EVENT_SCHEMAS, EVENT_SCHEMA_VERSION } from './events.ts';
import { MAX_EPOCH } from './position.ts';
import { MAX_EVENT_BYTES } from './subjects.ts';

const company = parseCompanyId('962302');
const byHand = { type: 'connected', companyId: company, phoneNumber: '79990000001', timestamp: 1_764_870_000_000 };

function decode(body: unknown, companyId = company) {
  return decodeEvent(companyId, Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)));
}

test('a change of the schemas is a decision: give it a version, a history line, and this test the new hash', () => {
  const hash = createHash('sha256').update(JSON.stringify(EVENT_SCHEMAS)).digest('hex').slice(0, 16);
  expect({ version: EVENT_SCHEMA_VERSION, hash }).toEqual({ version: 1, hash: '72fd2a3cc9ae9876' });
});

describe('decodeEvent', () => {
  test('the event as operators publish it by hand is valid', () => {
    expect(decode(byHand)).toEqual({ ok: true, event: byHand });
  });

  test('unknown fields are kept for newer readers', () => {
    expect(decode({ ...byHand, extra: 1 })).toMatchObject({ ok: true, event: { extra: 1 } });
  });

  test.each([
    ['json', 'not JSON'],
    ['json', '{"type":"connected"'],
    ['schema', 'null'],
    ['schema', '[]'],
    ['schema', '"connected"'],
    ['schema', { ...byHand, type: 7 }],
    ['schema', { ...byHand, phoneNumber: undefined }],
    ['schema', { ...byHand, phoneNumber: '100000000000001@lid' }],
    ['schema', { ...byHand, phoneNumber: 79_990_000_001 }],
    ['schema', { ...byHand, timestamp: 'now' }],
    ['schema', { ...byHand, timestamp: -1 }],
    ['schema', { ...byHand, epoch: 1 }],
    ['schema', { ...byHand, seq: 1 }],
    ['schema', { ...byHand, epoch: 0, seq: 1 }],
    ['schema', { ...byHand, epoch: MAX_EPOCH + 1, seq: 1 }],
    ['schema', { ...byHand, epoch: Number.MAX_SAFE_INTEGER, seq: 1 }],
    ['schema', { ...byHand, state: 'happy' }],
    ['schema', { ...byHand, companyId: '962302' }],
    ['schema', { type: 'qr', companyId: company, timestamp: 1 }],
    ['unknown_type', { ...byHand, type: 'conected' }],
    ['unknown_type', { ...byHand, type: '__proto__' }],
    ['unknown_type', { ...byHand, type: 'toString' }],
    ['subject', { ...byHand, companyId: 'company_1' }],
    ['reserved_id', { ...byHand, synthetic: true }],
  ] as const)('is refused as %s: %j', (reason, body) => {
    expect(decode(body)).toMatchObject({ ok: false, reason });
    expect(INVALID_REASONS).toContain(reason);
  });

  test('a body above the limit is not even parsed', () => {
    expect(decode('x'.repeat(MAX_EVENT_BYTES + 1))).toMatchObject({ ok: false, reason: 'too_large' });
  });

  test('a reserved id needs synthetic', () => {
    const canary = parseCompanyId('9000000001');
    const event = { ...byHand, companyId: canary };
    expect(decode(event, canary)).toMatchObject({ ok: false, reason: 'reserved_id' });
    expect(decode({ ...event, synthetic: false }, canary)).toMatchObject({ ok: false, reason: 'reserved_id' });
    expect(decode({ ...event, synthetic: true }, canary)).toMatchObject({ ok: true });
  });

  test('bytes that are not UTF-8 are not JSON', () => {
    const body = Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]);
    expect(decodeEvent(company, body)).toMatchObject({ ok: false, reason: 'json' });
  });

  test('the detail of a refusal repeats nothing from the body', () => {
    const refusal = decode({ ...byHand, phoneNumber: 'secret-value' });
    expect(JSON.stringify(refusal)).not.toContain('secret-value');
  });
});

test('an event without state has the state that its type implies', () => {
  const event = decode(byHand);
  expect(event.ok && stateOf(event.event)).toBe('connected');
});
