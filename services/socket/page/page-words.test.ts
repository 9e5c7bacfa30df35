import { describe, expect, test } from 'vitest';
import { chooseLanguage, languageOfToken } from './language.ts';
import { formatCountdown, formatPhone } from './phone-number.ts';
import { SuspensionDetector } from './suspension.ts';
import { readTypedPhoneNumber } from './typed-phone-number.ts';

test.each([
  ['79990000001', '+7 999 000-00-01'],
  ['380670000001', '+380670000001'],
  ['7999000', '+7999000'],
])('%s is written as %s', (digits, written) => {
  expect(formatPhone(digits)).toBe(written);
});

test.each([
  [0, '0:00'],
  [7, '0:07'],
  [60, '1:00'],
])('%d seconds read %s', (seconds, written) => {
  expect(formatCountdown(seconds)).toBe(written);
});

describe('the language', () => {
  test.each([
    [['en', 'ru', 'ru-RU'], 'en'],
    [['de', undefined, 'ru-RU', 'en'], 'ru'],
    [[null, 'en', 'ru-RU'], 'en'],
    [[null, undefined, 'kk-KZ', 'ru', 'en'], 'ru'],
    [[null, undefined, 'de-DE', 'en-GB'], 'en'],
    [[null, undefined, 'uz'], 'ru'],
  ] as const)('of %j is %s: address, then token, then browser', (wishes, expected) => {
    expect(chooseLanguage(wishes)).toBe(expected);
  });

  test('stands in the token', () => {
    const payload = Buffer.from(JSON.stringify({ lang: 'en', name: 'салон' })).toString('base64url');
    expect(languageOfToken(`h.${payload}.s`)).toBe('en');
  });

  test.each([undefined, '', 'a.b.c', `h.${Buffer.from('null').toString('base64url')}.s`, 'h.eyJsYW5nIjoxfQ.s'])(
    'is unknown of the token %s',
    (token) => {
      expect(languageOfToken(token)).toBeUndefined();
    },
  );
});

describe('a typed phone number', () => {
  test.each([
    ['+7 (999) 000-00-01', '79990000001'],
    ['8 999 000 00 01', '79990000001'],
    ['999 000 00 01', '79990000001'],
    ['8 701 000 00 01', '77010000001'],
    ['+380 67 000 00 01', '380670000001'],
    ['+998 90 000 00 01', '998900000001'],
  ])('%s is %s', (typed, phoneNumber) => {
    expect(readTypedPhoneNumber(typed)).toEqual({ phoneNumber });
  });

  test.each([
    ['', 'PHONE_REQUIRED'],
    ['   ', 'PHONE_REQUIRED'],
    ['+7 999 000-00-0', 'INVALID_PHONE_FORMAT'],
    ['+7 999 000-00-011', 'INVALID_PHONE_FORMAT'],
    ['100000000000001@lid', 'INVALID_PHONE_FORMAT'],
    ['мой номер', 'INVALID_PHONE_FORMAT'],
  ])('%j is refused with %s', (typed, error) => {
    expect(readTypedPhoneNumber(typed)).toEqual({ error });
  });
});

describe('a machine that slept', () => {
  test('is noticed once when the monotonic clock stood still', () => {
    const detector = new SuspensionDetector(0, 0);
    expect(detector.hasSlept(60_000, 250)).toBe(true);
    expect(detector.hasSlept(60_250, 500)).toBe(false);
  });

  test('is not suspected when only the timers were late, or the clock was set back', () => {
    expect(new SuspensionDetector(0, 0).hasSlept(60_000, 60_000)).toBe(false);
    expect(new SuspensionDetector(100_000, 0).hasSlept(40_000, 250)).toBe(false);
  });
});
