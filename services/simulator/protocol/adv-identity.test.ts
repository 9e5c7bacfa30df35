import { createHmac } from 'node:crypto';
import { proto } from '@whiskeysockets/baileys';
import { Curve } from '@whiskeysockets/baileys/lib/Utils/crypto.js';
import { describe, expect, test } from 'vitest';
import { signLink, verifyDeviceSignature } from './adv-identity.ts';
import { toKeyPair } from './x25519.ts';
import { verify } from './xeddsa.ts';

const PHONE = toKeyPair(Buffer.alloc(32, 0x11));
const COMPANION = toKeyPair(Buffer.alloc(32, 0x22));
const ADV_SECRET = Buffer.alloc(32, 0x33);
/** rawId 1000, timestamp 1764870000, keyIndex 2, account and device type 0. */
const DETAILS = '08e80710f08ec7c906180220002800';

const link = signLink({
  phoneIdentity: PHONE,
  companionIdentityKey: COMPANION.publicKey,
  advSecret: ADV_SECRET,
  rawId: 1000,
  keyIndex: 2,
  timestamp: 1_764_870_000,
});

describe('what the phone signs', () => {
  const outer = proto.ADVSignedDeviceIdentityHMAC.decode(link.deviceIdentity);
  const signed = Buffer.from(outer.details ?? []);
  const account = proto.ADVSignedDeviceIdentity.decode(signed);

  test('is these details, byte for byte', () => {
    expect(link.details.toString('hex')).toBe(DETAILS);
    expect(Buffer.from(account.details ?? []).toString('hex')).toBe(DETAILS);
  });

  test('is 06 00, the details and the companion identity, under the phone identity', () => {
    const message = Buffer.concat([Buffer.from('0600', 'hex'), Buffer.from(DETAILS, 'hex'), COMPANION.publicKey]);
    expect(Buffer.from(account.accountSignatureKey ?? [])).toEqual(PHONE.publicKey);
    expect(verify(PHONE.publicKey, message, account.accountSignature ?? Buffer.alloc(0))).toBe(true);
  });

  test('is authenticated by the ADV secret, without a prefix and without an account type', () => {
    expect(Buffer.from(outer.hmac ?? [])).toEqual(createHmac('sha256', ADV_SECRET).update(signed).digest());
    // Field 1 with its two-byte head and field 2, 32 bytes, are all there is.
    expect(link.deviceIdentity).toHaveLength(2 + signed.length + 34);
    expect(account.deviceSignature ?? Buffer.alloc(0)).toHaveLength(0);
  });
});

describe("the companion's answer", () => {
  function answer(prefix: string, details: string, signer = COMPANION): Buffer {
    const message = [Buffer.from(prefix, 'hex'), Buffer.from(details, 'hex'), COMPANION.publicKey, PHONE.publicKey];
    const deviceSignature = Curve.sign(signer.privateKey, Buffer.concat(message));
    const identity = { details: Buffer.from(details, 'hex'), deviceSignature };
    return Buffer.from(proto.ADVSignedDeviceIdentity.encode(identity).finish());
  }

  function check(bytes: Buffer): () => void {
    return () =>
      verifyDeviceSignature({
        details: link.details,
        companionIdentityKey: COMPANION.publicKey,
        phoneIdentityKey: PHONE.publicKey,
        answer: bytes,
      });
  }

  test('is 06 01, the details, both identities, under the companion identity', () => {
    expect(check(answer('0601', DETAILS))).not.toThrow();
  });

  test.each([
    ['the prefix of the account signature', answer('0600', DETAILS)],
    ['the prefix of a hosted device', answer('0606', DETAILS)],
    ['other details', answer('0601', DETAILS.replace('1802', '1803'))],
    ['another identity', answer('0601', DETAILS, PHONE)],
    ['no signature', Buffer.from(proto.ADVSignedDeviceIdentity.encode({ details: link.details }).finish())],
    ['nothing', Buffer.alloc(0)],
    ['no protobuf', Buffer.from('ffffffff', 'hex')],
  ])('is refused with %s', (_what, bytes) => {
    expect(check(bytes)).toThrowError(expect.objectContaining({ code: 'DEVICE_SIGNATURE_INVALID' }));
  });
});
