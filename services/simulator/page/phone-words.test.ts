import { describe, expect, test } from 'vitest';
import type { PhoneView } from '../people/phone-desk.ts';
import { describeDevice, describeScreen, explain, initials, pickPhone } from './phone-words.ts';

function phone(id: string): PhoneView {
  return { id, phoneNumber: id, lid: '100000000000001', name: 'Anna', business: false, devices: [] };
}

describe('a refusal', () => {
  test('is explained by what to do next', () => {
    expect(explain({ code: 'QR_EXPIRED', message: 'x' })).toMatch(/has expired.*shows now/);
  });

  test('that is not known here keeps its message and code', () => {
    expect(explain({ code: 'HTTP_502', message: 'bad gateway' })).toBe('bad gateway (HTTP_502)');
    expect(explain({ code: 'toString', message: 'm' })).toBe('m (toString)');
  });

  test('never reads like a success', () => {
    for (const code of ['QR_INVALID', 'QR_UNKNOWN', 'QR_USED', 'QR_MISMATCH', 'LINK_REFUSED', 'LINK_TIMEOUT']) {
      expect(explain({ code, message: '' })).not.toMatch(/linked/i);
    }
  });
});

describe('the phone in hand', () => {
  const phones = [phone('79990000001'), phone('79990000002')];

  test('stays the same while it exists', () => {
    expect(pickPhone(phones, '79990000002')?.id).toBe('79990000002');
  });

  test.each([undefined, '79990000009'])('is the first one when %s was chosen', (id) => {
    expect(pickPhone(phones, id)?.id).toBe('79990000001');
  });

  test('is none when there are none', () => {
    expect(pickPhone([], '79990000001')).toBeUndefined();
  });
});

test.each([
  ['Salon Anna', 'SA'],
  ['Vera', 'V'],
  ['  anna maria  berg ', 'AB'],
  ['', ''],
])('%j has the initials %s', (name, letters) => {
  expect(initials(name)).toBe(letters);
});

test('a screen is named after the salon and counts down to zero, never below', () => {
  const screen = { companyId: 'company_962302', qr: '2@ref', expiresAt: 20_000 };
  expect(describeScreen(screen, 500)).toEqual({ title: 'Salon 962302', detail: 'company_962302 · 20 s left' });
  expect(describeScreen(screen, 90_000).detail).toContain(' 0 s');
});

test('a device without a platform still has a name', () => {
  const device = { jid: 'j', lid: 'l', phone: 'p', device: 3, platform: '', linkedAt: 0, online: false };
  const format = new Intl.DateTimeFormat('en', { dateStyle: 'short', timeZone: 'UTC' });
  expect(describeDevice(device, format)).toEqual({
    title: 'Companion device',
    detail: 'Offline · device 3 · since 1/1/70',
  });
});
