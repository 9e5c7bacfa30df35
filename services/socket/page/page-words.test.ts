import { describe, expect, test } from 'vitest';
import { formatCountdown, formatPhone } from './phone-number.ts';
import { refusalOf } from './refusal.ts';
import { SuspensionDetector } from './suspension.ts';
import { chooseLanguage } from './texts.ts';

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
    ['en', ['ru-RU'], 'en'],
    ['de', ['ru-RU', 'en'], 'ru'],
    [null, ['kk-KZ', 'ru', 'en'], 'ru'],
    [null, ['de-DE', 'en-GB'], 'en'],
    [null, ['uz'], 'ru'],
    [null, [], 'ru'],
  ] as const)('asked %s, browser %j: %s', (asked, browser, language) => {
    expect(chooseLanguage(asked, browser)).toBe(language);
  });
});

describe('a refused handshake', () => {
  test.each([
    ['TOKEN_MISSING', 'no-token'],
    ['TOKEN_EXPIRED', 'link-expired'],
    ['TOKEN_INVALID', 'link-invalid'],
    ['TOKEN_CLAIMS', 'link-invalid'],
  ])('%s needs a new link', (code, refusal) => {
    expect(refusalOf(Object.assign(new Error('refused'), { data: { code } }))).toBe(refusal);
  });

  test.each([
    new Error('websocket error'),
    Object.assign(new Error('x'), { data: undefined }),
    Object.assign(new Error('x'), { data: { code: 'AUTH_UNAVAILABLE' } }),
    Object.assign(new Error('x'), { data: { code: 'constructor' } }),
    undefined,
  ])('%s is tried again', (error) => {
    expect(refusalOf(error)).toBeUndefined();
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
