import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { Screens } from './screens.ts';

const NOW = 1_764_870_000_000;

function event(type: string, companyId: string, more: object = {}): Buffer {
  return Buffer.from(JSON.stringify({ type, companyId, timestamp: NOW, ...more }));
}

function qr(companyId: string, text = 'QR', ttlMs = 20_000): Buffer {
  return event('qr', companyId, { qr: { text, expiresAt: NOW + ttlMs, ttlMs } });
}

function setUp() {
  const clock = { now: NOW };
  const screens = new Screens(() => clock.now);
  const see = (companyId: string, body: Buffer) => screens.see(`whatsapp.events.${companyId}`, body);
  return { clock, screens, see };
}

test('a salon shows its last QR until that expires', () => {
  const { clock, screens, see } = setUp();
  see('company_1', qr('company_1', 'first'));
  see('company_1', qr('company_1', 'second'));
  expect(screens.current()).toEqual([{ companyId: 'company_1', qr: 'second', expiresAt: NOW + 20_000 }]);
  clock.now = NOW + 20_000;
  expect(screens.current()).toEqual([]);
});

test.each(['linked', 'qr-expired', 'disconnected', 'starting'])('a salon that is %s shows no QR', (type) => {
  const { screens, see } = setUp();
  see('company_1', qr('company_1'));
  see('company_2', qr('company_2'));
  see('company_1', event(type, 'company_1'));
  expect(screens.current().map(({ companyId }) => companyId)).toEqual(['company_2']);
});

test.each([
  ['no JSON', Buffer.from('{')],
  ['an unknown type', event('holiday', 'company_1')],
  ['an event of another company', event('linked', 'company_2')],
  ['65 KiB', Buffer.alloc(65 * 1024, 32)],
])('%s changes nothing', (_what, body) => {
  const { screens, see } = setUp();
  see('company_1', qr('company_1'));
  see('company_1', body);
  screens.see('whatsapp.events.*', qr('company_3'));
  screens.see('somewhere.else', qr('company_3'));
  expect(screens.current()).toHaveLength(1);
});

test('of more than ten thousand salons the latest are remembered', () => {
  const { screens, see } = setUp();
  for (let salon = 1; salon <= 10_001; salon++) see(`company_${salon}`, qr(`company_${salon}`));
  const companies = screens.current().map(({ companyId }) => companyId);
  expect(companies).toHaveLength(10_000);
  expect(companies).not.toContain('company_1');
});

describe('the connections of companies that share a phone', () => {
  const PHONE = '79990000001';
  const login = (noiseKey: Buffer) => ({ purpose: 'login', noiseKey, phone: PHONE }) as const;
  const keyOf = (companyId: string) => createHash('sha256').update(companyId).digest();
  const qrOf = (companyId: string) =>
    `${['ref', keyOf(companyId), keyOf('identity'), keyOf('adv')].map(toText).join(',')},1`;
  const toText = (part: string | Buffer) => (typeof part === 'string' ? part : part.toString('base64'));

  function linked(
    ...companies: readonly (readonly [companyId: string, way: 'qr' | 'code' | 'unseen', end?: string])[]
  ) {
    const { screens, see } = setUp();
    for (const [companyId, way, end = 'connected'] of companies) {
      if (way === 'qr') see(companyId, qr(companyId, qrOf(companyId)));
      const code = { text: 'ABCD1234', phoneNumber: PHONE, expiresAt: NOW, ttlMs: 1 };
      if (way === 'code') see(companyId, event('pairing-code', companyId, { code }));
      see(companyId, event(end, companyId, { phoneNumber: PHONE }));
    }
    return screens;
  }

  test('are each its own when each was linked by a QR', () => {
    const screens = linked(['company_1', 'qr'], ['company_2', 'qr']);
    expect(screens.companiesOf(login(keyOf('company_2')))).toEqual(['company_2']);
    expect(screens.companiesOf(login(keyOf('stranger')))).toEqual([]);
    expect(screens.rivalsOf('company_1')).toEqual([]);
  });

  test('are told by elimination when one alone was linked without a QR', () => {
    const screens = linked(['company_1', 'qr'], ['company_2', 'code'], ['company_3', 'unseen', 'logged-out']);
    expect(screens.companiesOf(login(keyOf('by code')))).toEqual(['company_2']);
    expect(screens.companiesOf(login(keyOf('company_1')))).toEqual(['company_1']);
    expect(screens.rivalsOf('company_2')).toEqual([]);
  });

  test('are nobody’s when two were linked without a QR', () => {
    const screens = linked(['company_1', 'code'], ['company_2', 'unseen'], ['company_3', 'qr']);
    expect(screens.companiesOf(login(keyOf('by code')))).toEqual([]);
    expect(screens.rivalsOf('company_1')).toEqual(['company_2']);
    expect(screens.rivalsOf('company_3')).toEqual([]);
  });

  test('are nobody’s while they are being linked, but for a QR', () => {
    const screens = linked(['company_1', 'code']);
    expect(screens.companiesOf({ ...login(keyOf('new')), purpose: 'linking' })).toEqual([]);
  });

  test('a QR shown before a code is no longer the company’s', () => {
    const { screens, see } = setUp();
    see('company_1', qr('company_1', qrOf('company_1')));
    const code = { text: 'ABCD1234', phoneNumber: PHONE, expiresAt: NOW, ttlMs: 1 };
    see('company_1', event('pairing-code', 'company_1', { code }));
    expect(screens.companiesOf(login(keyOf('company_1')))).toEqual([]);
    see('company_1', event('connected', 'company_1', { phoneNumber: PHONE }));
    expect(screens.companiesOf(login(keyOf('by code')))).toEqual(['company_1']);
  });
});
