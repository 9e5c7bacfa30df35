import { expect, test } from 'vitest';
import { claimsOf, refreshDelayMs } from './token-claims.ts';

const tokenWith = (claims: unknown) => `h.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.s`;

test('the claims of a token are read, whatever letters stand in them', () => {
  expect(claimsOf(tokenWith({ lang: 'en', exp: 5 }))).toEqual({ lang: 'en', exp: 5 });
});

test.each([undefined, '', 'a.b.c', 'no token', tokenWith(null), tokenWith(7)])('%s claims nothing', (token) => {
  expect(claimsOf(token)).toEqual({});
});

test.each([
  ['an hour', 3_600, 3_540_000],
  ['ten seconds', 10, 9_000],
  ['nothing any more', -5, 0],
  ['a year', 31_536_000, 2 ** 31 - 1],
])('a token that lives for %s is replaced in time', (_life, seconds, delayMs) => {
  expect(refreshDelayMs(tokenWith({ exp: 1_000 + seconds }), 1_000_000)).toBe(delayMs);
});

test('a token without an end is not replaced', () => {
  expect(refreshDelayMs('t', 0)).toBeUndefined();
});
