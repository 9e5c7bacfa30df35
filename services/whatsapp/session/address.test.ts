import { jidDecode, jidEncode } from '@whiskeysockets/baileys';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ADDRESS_SERVERS, formatAddress, lidOf, parseAddress, phoneNumberOf, type Address } from './address.ts';

const digits = fc.bigInt({ min: 1n, max: 99_999_999_999_999_999_999n }).map(String);
const devices = fc.integer({ min: 0, max: 99_999 });
const addresses = fc.record({ user: digits, server: fc.constantFrom(...ADDRESS_SERVERS), device: devices });

describe('an address', () => {
  test('is the same after it was written and read', () => {
    fc.assert(
      fc.property(addresses, (address) => {
        expect(parseAddress(formatAddress(address))).toEqual(address);
      }),
    );
  });

  test('is written as it was read, and as Baileys writes it', () => {
    fc.assert(
      fc.property(addresses, ({ user, server, device }) => {
        const jid = jidEncode(user, server, device);
        expect(formatAddress(parseAddress(jid) as Address)).toBe(jid);
        expect(jidDecode(jid)).toMatchObject({ user, server });
      }),
    );
  });

  test('is never a phone number and a LID at once, and a LID is never a phone number', () => {
    fc.assert(
      fc.property(addresses, (address) => {
        expect([phoneNumberOf(address), lidOf(address)]).toContain(undefined);
        if (address.server.endsWith('lid')) expect(phoneNumberOf(address)).toBeUndefined();
        else expect(lidOf(address)).toBeUndefined();
      }),
    );
  });

  test('of any text whatever is an address or nothing', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          digits.map((user) => `${user}@g.us`),
        ),
        (text) => {
          const address = parseAddress(text);
          if (address) expect(ADDRESS_SERVERS).toContain(address.server);
        },
      ),
    );
  });
});

test.each([
  ['79990000001@s.whatsapp.net', { user: '79990000001', server: 's.whatsapp.net', device: 0 }],
  ['79990000001:0@s.whatsapp.net', { user: '79990000001', server: 's.whatsapp.net', device: 0 }],
  ['79990000001:12@s.whatsapp.net', { user: '79990000001', server: 's.whatsapp.net', device: 12 }],
  ['79990000001_1:3@s.whatsapp.net', { user: '79990000001', server: 's.whatsapp.net', device: 3 }],
  ['100000000000001@lid', { user: '100000000000001', server: 'lid', device: 0 }],
  ['100000000000001:7@lid', { user: '100000000000001', server: 'lid', device: 7 }],
  ['79990000001:99@hosted', { user: '79990000001', server: 'hosted', device: 99 }],
  ['100000000000001:99@hosted.lid', { user: '100000000000001', server: 'hosted.lid', device: 99 }],
] as const)('%s is %j', (jid, address) => {
  expect(parseAddress(jid)).toEqual(address);
});

test.each([
  undefined,
  '',
  '79990000001',
  '@lid',
  'abc@lid',
  '79990000001@',
  '79990000001@S.WHATSAPP.NET',
  '79990000001@lid ',
  '79990000001:@lid',
  '79990000001:x@lid',
  '120363000000000000@g.us',
  'status@broadcast',
  '120363000000000000@newsletter',
  '79990000001@c.us',
  '79990000001@toString',
])('%j is no address', (jid) => {
  expect(parseAddress(jid)).toBeUndefined();
});

test.each(['123@s.whatsapp.net', '1234567890123456@s.whatsapp.net', '0999000000@s.whatsapp.net'])(
  '%s is addressed by no phone number',
  (jid) => {
    expect(phoneNumberOf(parseAddress(jid))).toBeUndefined();
  },
);
