import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parsePhoneNumber } from './phone-number.ts';

test.each([
  ['79990000001', '79990000001'],
  ['+7 (999) 000-00-01', '79990000001'],
  ['7.999.000.00.01', '79990000001'],
  [' 7\u00a0999\u2013000\u20110001 ', '79990000001'],
  ['1234567890', '1234567890'],
  ['123456789012345', '123456789012345'],
])('%j is %s', (input, digits) => {
  expect(parsePhoneNumber(input)).toBe(digits);
});

test.each([
  '',
  ' ',
  '+',
  '123456789',
  '1234567890123456',
  '09990000001',
  '7999000000a',
  '79990000001@s.whatsapp.net',
  '100000000000001@lid',
  '٧٩٩٩٠٠٠٠٠٠١',
  '7'.repeat(100_000),
  undefined,
  null,
  79_990_000_001,
  {},
  ['79990000001'],
])('%j is no phone number', (input) => {
  expect(parsePhoneNumber(input)).toBeUndefined();
});

test('what is read is read again as itself', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('7', '9', '0', ' ', '(', ')', '-', '+', '.') }), (input) => {
      const number = parsePhoneNumber(input);
      if (number !== undefined) expect(parsePhoneNumber(number)).toBe(number);
    }),
  );
});
