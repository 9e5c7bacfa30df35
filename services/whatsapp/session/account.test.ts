import { describe, expect, test } from 'vitest';
import { maskPhoneNumber, toAccount } from './account.ts';

describe('toAccount', () => {
  test('takes the number from the phone-number JID and the LID from its own field, both without the device', () => {
    const me = { id: '79990000001:12@s.whatsapp.net', lid: '100000000000001:12@lid', name: 'Salon' };
    expect(toAccount(me)).toEqual({ phoneNumber: '79990000001', lid: '100000000000001', name: 'Salon' });
  });

  test('a LID in place of the number is a LID', () => {
    expect(toAccount({ id: '100000000000001:3@lid' })).toEqual({ lid: '100000000000001' });
  });

  test.each([
    undefined,
    {},
    { id: '79990000001' },
    { id: '79990000001@g.us' },
    { id: '79990000001@lid.s.whatsapp.net' },
    { id: '100000000000001@s.whatsapp.net.lid' },
    { id: 'abc@s.whatsapp.net' },
    { id: '@s.whatsapp.net' },
    { id: '7999@s.whatsapp.net' },
    { name: '~' },
    { name: '' },
    { lid: '' },
    { lid: '79990000001@s.whatsapp.net' },
  ])('%j says nothing', (me) => {
    expect(toAccount(me)).toEqual({});
  });

  test('device 0 and an agent are stripped as well', () => {
    expect(toAccount({ id: '79990000001:0@s.whatsapp.net' }).phoneNumber).toBe('79990000001');
    expect(toAccount({ id: '79990000001_1:2@s.whatsapp.net' }).phoneNumber).toBe('79990000001');
  });

  test('a name longer than an event may carry is cut', () => {
    expect(toAccount({ name: 'x'.repeat(1000) }).name).toHaveLength(256);
  });
});

test('a masked number shows the country and two digits', () => {
  expect(maskPhoneNumber('79990000001')).toBe('7********01');
});
