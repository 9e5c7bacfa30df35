import { describe, expect, test } from 'vitest';
import type { PhoneView } from '../people/phone-desk.ts';
import {
  describeCodeRequest,
  describeDevice,
  describeMessage,
  describeScope,
  describeScreen,
  describeSelection,
  explain,
  initials,
  pickPhone,
} from './phone-words.ts';

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
    for (const code of [
      'QR_INVALID',
      'QR_UNKNOWN',
      'QR_USED',
      'QR_MISMATCH',
      'CODE_INVALID',
      'CODE_EXPIRED',
      'CODE_WRONG',
      'LINK_REFUSED',
      'LINK_TIMEOUT',
    ]) {
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

test('a screen with a code shows it in two halves, and for which phone', () => {
  const code = { text: 'ABCD1234', phoneNumber: '79990000001' };
  const { detail } = describeScreen({ companyId: 'company_962302', code, expiresAt: 20_000 }, 0);
  expect(detail).toBe('code ABCD-1234 for +79990000001 · 20 s left');
});

test('a phone says who waits for a code, and for how long', () => {
  const codeRequest = { platform: 'Chrome (Mac OS)', expiresAt: 20_000 };
  expect(describeCodeRequest({ ...phone('79990000001'), codeRequest }, 500)).toBe(
    'Chrome (Mac OS) wants to be linked. Type the code that it shows, within 20 s.',
  );
  expect(describeCodeRequest(phone('79990000001'), 0)).toMatch(/^No device waits/);
});

describe('a message', () => {
  const format = new Intl.DateTimeFormat('en', { timeStyle: 'short', timeZone: 'UTC' });
  const head = { id: 'x', peer: '79990000001', at: 0 };

  test('names who it is from, or whom it is for and how far it got', () => {
    const phones = [phone('79990000001')];
    expect(describeMessage({ ...head, direction: 'in', text: 'hi' }, phones, format)).toEqual({
      title: 'hi',
      detail: expect.stringMatching(/^from Anna · 12:00/) as string,
    });
    const sent = describeMessage({ ...head, direction: 'out', text: 'hi', status: 'read' }, [], format);
    expect(sent.detail).toMatch(/^to \+79990000001 · .* · read$/);
  });

  test('that is a reaction shows it, also when it is taken back', () => {
    const reaction = (emoji: string) =>
      describeMessage({ ...head, direction: 'in', reaction: { messageId: 'y', emoji } }, [], format).title;
    expect(reaction('👍')).toBe('👍');
    expect(reaction('')).toBe('(reaction taken back)');
  });
});

test.each([
  [{ company: 'company_1' }, undefined, 'for company_1'],
  [{ phone: '79990000001' }, 2, 'for +79990000001 · 2 more'],
  [{ default: true as const }, 0, 'for everybody · 0 more'],
])('the selection for %j with %s left reads %j', (scope, left, text) => {
  const selection = { scope, name: 'closed', params: { afterMs: 5 }, ...(left !== undefined && { left }) };
  expect(describeScope(selection)).toBe(text);
  expect(describeSelection(selection)).toBe('closed · afterMs 5');
});

test('a device without a platform still has a name', () => {
  const device = { jid: 'j', lid: 'l', phone: 'p', device: 3, platform: '', linkedAt: 0, online: false };
  const format = new Intl.DateTimeFormat('en', { dateStyle: 'short', timeZone: 'UTC' });
  expect(describeDevice(device, format)).toEqual({
    title: 'Companion device',
    detail: 'Offline · device 3 · since 1/1/70',
  });
});
