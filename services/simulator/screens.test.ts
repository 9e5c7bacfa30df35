import { expect, test } from 'vitest';
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
