import { createCipheriv, hkdfSync, pbkdf2Sync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  deriveAdvSecret,
  openKeyBundle,
  parsePairingCode,
  unwrapEphemeralKey,
  wrapEphemeralKey,
} from './pairing-code.ts';

const key = (fill: number) => Buffer.alloc(32, fill);

describe('a code', () => {
  test.each(['ABCD1234', 'abcd-1234', ' ABCD 1234 '])('is read as people type it: %j', (text) => {
    expect(parsePairingCode(text)).toBe('ABCD1234');
  });

  test.each(['', 'ABCD123', 'ABCD12345', 'ABCD123O', 'ABCD1230', 'ABCD123I', 'ABCD123U', 'АBCD1234'])(
    'is not %j',
    (text) => {
      expect(parsePairingCode(text)).toBeUndefined();
    },
  );
});

describe('a wrapped key', () => {
  test('is salt 32, iv 16 and the key under AES-256-CTR with PBKDF2-SHA256 of 131072 rounds', async () => {
    const random = Buffer.concat([Buffer.alloc(32, 1), Buffer.alloc(16, 2)]);
    const wrapped = await wrapEphemeralKey('ABCD1234', key(3), random);
    const codeKey = pbkdf2Sync('ABCD1234', Buffer.alloc(32, 1), 131_072, 32, 'sha256');
    const ciphertext = createCipheriv('aes-256-ctr', codeKey, Buffer.alloc(16, 2)).update(key(3));
    expect(wrapped.toString('hex')).toBe(Buffer.concat([random, ciphertext]).toString('hex'));
  });

  test('is the same again with the same code and another one with another code', async () => {
    const wrapped = await wrapEphemeralKey('ABCD1234', key(3));
    expect(await unwrapEphemeralKey('ABCD1234', wrapped)).toEqual(key(3));
    expect(await unwrapEphemeralKey('ABCD1235', wrapped)).not.toEqual(key(3));
  });

  test('never comes twice alike', async () => {
    expect(await wrapEphemeralKey('ABCD1234', key(3))).not.toEqual(await wrapEphemeralKey('ABCD1234', key(3)));
  });

  test.each([0, 79, 81])('of %i bytes is refused', async (length) => {
    await expect(unwrapEphemeralKey('ABCD1234', Buffer.alloc(length))).rejects.toMatchObject({
      code: 'PAIRING_INVALID',
    });
  });
});

/** As the companion makes it: salt 32, iv 12, ciphertext, tag 16. */
function sealBundle(secret: Buffer, plaintext: Buffer): Buffer {
  const [salt, iv] = [Buffer.alloc(32, 4), Buffer.alloc(12, 5)];
  const info = 'link_code_pairing_key_bundle_encryption_key';
  const cipher = createCipheriv('aes-256-gcm', Buffer.from(hkdfSync('sha256', secret, salt, info, 32)), iv);
  return Buffer.concat([salt, iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

describe('a key bundle', () => {
  const keys = Buffer.concat([key(6), key(7), key(8)]);

  test('opens to the identities of the companion and the phone and 32 random bytes', () => {
    expect(openKeyBundle(key(1), sealBundle(key(1), keys))).toEqual({
      companionIdentityKey: key(6),
      primaryIdentityKey: key(7),
      random: key(8),
    });
  });

  test('does not open with the secret of another code', () => {
    expect(openKeyBundle(key(2), sealBundle(key(1), keys))).toBeUndefined();
  });

  test('does not open when one bit is flipped anywhere behind the iv', () => {
    const bundle = sealBundle(key(1), keys);
    for (let index = 44; index < bundle.length; index += 1) {
      const damaged = Buffer.from(bundle);
      damaged[index] = (damaged[index] ?? 0) ^ 1;
      expect(openKeyBundle(key(1), damaged)).toBeUndefined();
    }
  });

  test('that is cut short is refused, and does not open without its tag', () => {
    expect(() => openKeyBundle(key(1), Buffer.alloc(43))).toThrowError(/cut short/);
    expect(openKeyBundle(key(1), Buffer.alloc(59))).toBeUndefined();
  });

  test('of anything but three keys is refused', () => {
    expect(() => openKeyBundle(key(1), sealBundle(key(1), key(6)))).toThrowError(/three keys/);
  });
});

test('the secret of the link is HKDF-SHA256 of both shared secrets and the random bytes, without salt', () => {
  const input = Buffer.concat([key(1), key(2), key(3)]);
  const expected = Buffer.from(hkdfSync('sha256', input, Buffer.alloc(0), 'adv_secret', 32));
  expect(deriveAdvSecret(key(1), key(2), key(3))).toEqual(expected);
  expect(deriveAdvSecret(key(1), key(3), key(2))).not.toEqual(expected);
});
