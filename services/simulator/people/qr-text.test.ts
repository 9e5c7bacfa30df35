import { describe, expect, test } from 'vitest';
import { parseQrText } from './qr-text.ts';

const key = (byte: number) => Buffer.alloc(32, byte);
const b64 = (byte: number) => key(byte).toString('base64');
const LIST = `2@a/b+c=,${b64(1)},${b64(2)},${b64(3)}`;
const PARSED = { ref: '2@a/b+c=', noiseKey: key(1), identityKey: key(2), advSecret: key(3) };

test.each([
  ['the link that WhatsApp shows today', `https://wa.me/settings/linked_devices#${LIST},1`],
  ['the bare list with a platform', `${LIST},1`],
  ['the bare list of older companions', LIST],
  ['a text with blanks around it, as it is pasted', `  ${LIST},1\n`],
])('reads %s', (_what, text) => {
  expect(parseQrText(text)).toEqual(PARSED);
});

describe('refuses, without repeating the text,', () => {
  test.each([
    ['nothing', ''],
    ['another link', 'https://wa.me/79990000001'],
    ['a list without secret', `2@ref,${b64(1)},${b64(2)}`],
    ['a list with too many fields', `${LIST},1,2`],
    ['an empty ref', `,${b64(1)},${b64(2)},${b64(3)}`],
    ['a ref of any length', `${'x'.repeat(513)},${b64(1)},${b64(2)},${b64(3)}`],
    ['a key of 31 bytes', `ref,${b64(1)},${Buffer.alloc(31, 2).toString('base64')},${b64(3)}`],
    ['a key that is not base64', `ref,${b64(1)},${'!'.repeat(44)},${b64(3)}`],
    ['a link with another host', `https://example.com/settings/linked_devices#${LIST}`],
  ])('%s', (_what, text) => {
    expect(() => parseQrText(text)).toThrowError(expect.objectContaining({ code: 'QR_INVALID' }));
    if (text.length > 10) expect(() => parseQrText(text)).not.toThrowError(text);
  });
});
