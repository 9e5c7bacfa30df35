import { expect, test } from 'vitest';
import { refusalOf } from './refusal.ts';

test.each([
  ['TOKEN_MISSING', 'token-missing'],
  ['TOKEN_EXPIRED', 'token-expired'],
  ['TOKEN_INVALID', 'token-invalid'],
  ['TOKEN_CLAIMS', 'token-invalid'],
])('a handshake refused with %s needs another token', (code, refusal) => {
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
