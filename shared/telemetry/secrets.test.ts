import { expect, test } from 'vitest';
import { censorSecrets } from './secrets.ts';

const C = '[Redacted]';

test.each([
  ['on the line itself', { token: 'S', event: 'qr' }, { token: C, event: 'qr' }],
  ['one level below', { session: { qr: 'S', creds: { noiseKey: 'S' }, n: 1 } }, { session: { qr: C, creds: C, n: 1 } }],
  [
    'two levels below',
    { request: { headers: { authorization: 'S' } } },
    { request: { headers: { authorization: C } } },
  ],
  ['in a list', { tokens: [{ token: 'S' }, 1] }, { tokens: [{ token: C }, 1] }],
  ['as the text of a code', { code: { text: 'S', expiresAt: 1 } }, { code: { text: C, expiresAt: 1 } }],
  ['as the text of a code below', { state: { code: { text: 'S' } } }, { state: { code: { text: C } } }],
])('a secret %s is censored', (_, fields, censored) => {
  expect(censorSecrets(fields)).toEqual(censored);
});

test('a line without secrets is not copied', () => {
  const fields = { code: 'BUS_TIMEOUT', text: 'x', nested: { a: { b: { token: 1 } } }, none: null, list: [1, 'a'] };
  expect(censorSecrets(fields)).toBe(fields);
});

test('what was given stays as it is', () => {
  const session = { qr: 'S' };
  const fields = { session, other: session };
  censorSecrets(fields);
  expect(fields).toEqual({ session: { qr: 'S' }, other: { qr: 'S' } });
});

test('errors are left to their own serializer', () => {
  const err = Object.assign(new Error('no'), { code: 'X' });
  expect(censorSecrets({ err })).toEqual({ err });
});

test('an object that refers to itself ends', () => {
  const fields: Record<string, unknown> = { token: 'S' };
  fields['self'] = fields;
  expect(censorSecrets(fields)).toMatchObject({ token: C, self: { token: C } });
});
