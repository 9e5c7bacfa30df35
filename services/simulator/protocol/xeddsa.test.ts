import { Curve } from '@whiskeysockets/baileys/lib/Utils/crypto.js';
import { describe, expect, test } from 'vitest';
import { generateKeyPair, toKeyPair } from './x25519.ts';
import { sign, verify } from './xeddsa.ts';

const hex = (text: string) => Buffer.from(text, 'hex');

/** The vector of libsignal's own tests; the signature's top bit carries the sign of the Edwards key. */
const VECTOR = {
  publicKey: hex('ab7e717d4a163b7d9a1d8071dfe9dcf8cdcd1cea3339b6356be84d887e322c64'),
  message: hex('05edce9d9c415ca78cb7252e72c2c4a554d3eb29485a0e1d503118d1a82d99fb4a'),
  signature: hex(
    '5de88ca9a89b4a115da79109c67c9c7464a3e4180274f1cb8c63c2984e286dfbede82deb9dcd9fae0bfbb821569b3d9001bd8130cd11d486cef047bd60b86e88',
  ),
};

test('the published signature of libsignal verifies', () => {
  expect(verify(VECTOR.publicKey, VECTOR.message, VECTOR.signature)).toBe(true);
});

test('every flipped bit of the published signature is noticed', () => {
  for (let bit = 0; bit < 512; bit += 7) {
    const damaged = Buffer.from(VECTOR.signature);
    damaged.writeUInt8(damaged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    expect(verify(VECTOR.publicKey, VECTOR.message, damaged), `bit ${bit}`).toBe(false);
  }
});

test('a signature is a function of key, message and random bytes', () => {
  const { privateKey, publicKey } = toKeyPair(Buffer.alloc(32, 0x42));
  const message = Buffer.from('message');
  const signature = sign(privateKey, message, Buffer.alloc(64, 7));
  expect(sign(privateKey, message, Buffer.alloc(64, 7))).toEqual(signature);
  expect(sign(privateKey, message, Buffer.alloc(64, 8))).not.toEqual(signature);
  expect(verify(publicKey, message, signature)).toBe(true);
});

describe.each(Array.from({ length: 8 }, (_, index) => index))('key %i', () => {
  const key = generateKeyPair();
  const message = Buffer.from('any message');

  test('signs what it verifies and nothing else', () => {
    const signature = sign(key.privateKey, message);
    expect(verify(key.publicKey, message, signature)).toBe(true);
    expect(verify(key.publicKey, Buffer.from('any massage'), signature)).toBe(false);
    expect(verify(generateKeyPair().publicKey, message, signature)).toBe(false);
  });

  test('verifies what libsignal signs', () => {
    expect(verify(key.publicKey, message, Curve.sign(key.privateKey, message))).toBe(true);
  });
});

test.each([
  ['a short signature', VECTOR.publicKey, Buffer.alloc(63)],
  ['a long key', Buffer.alloc(33, 5), VECTOR.signature],
  [
    'the key without an Edwards point',
    hex('ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'),
    VECTOR.signature,
  ],
  ['an empty signature', VECTOR.publicKey, Buffer.alloc(0)],
  ['all zeros', Buffer.alloc(32), Buffer.alloc(64)],
])('%s does not verify and does not throw', (_what, publicKey, signature) => {
  expect(verify(publicKey, VECTOR.message, signature)).toBe(false);
});
