import { createHmac, hkdfSync } from 'node:crypto';
import { sharedSecret, type KeyPair } from '../protocol/x25519.ts';

const NO_SALT = Buffer.alloc(32);
/** Precedes the shared secrets, so that they are no valid curve point. X3DH specification, 2.2. */
const DISCONTINUITY = Buffer.alloc(32, 0xff);

/** The keys of both sides that start a session. `initiator` is who got the other's bundle. */
export type HandshakeKeys =
  | {
      readonly role: 'initiator';
      readonly identity: KeyPair;
      readonly base: KeyPair;
      readonly theirIdentity: Buffer;
      readonly theirSignedPreKey: Buffer;
      readonly theirPreKey: Buffer | undefined;
    }
  | {
      readonly role: 'responder';
      readonly identity: KeyPair;
      readonly signedPreKey: KeyPair;
      readonly preKey: KeyPair | undefined;
      readonly theirIdentity: Buffer;
      readonly theirBase: Buffer;
    };

/** X3DH: the first root key. https://signal.org/docs/specifications/x3dh/ */
export function firstRootKey(keys: HandshakeKeys): Buffer {
  return hkdf(Buffer.concat([DISCONTINUITY, ...agreements(keys)]), NO_SALT, 'WhisperText', 2)[0];
}

function agreements(keys: HandshakeKeys): Buffer[] {
  if (keys.role === 'initiator') {
    const { identity, base, theirIdentity, theirSignedPreKey, theirPreKey } = keys;
    return [
      sharedSecret(identity.privateKey, theirSignedPreKey),
      sharedSecret(base.privateKey, theirIdentity),
      sharedSecret(base.privateKey, theirSignedPreKey),
      ...(theirPreKey ? [sharedSecret(base.privateKey, theirPreKey)] : []),
    ];
  }
  const { identity, signedPreKey, preKey, theirIdentity, theirBase } = keys;
  return [
    sharedSecret(signedPreKey.privateKey, theirIdentity),
    sharedSecret(identity.privateKey, theirBase),
    sharedSecret(signedPreKey.privateKey, theirBase),
    ...(preKey ? [sharedSecret(preKey.privateKey, theirBase)] : []),
  ];
}

/** One step of the Diffie-Hellman ratchet. https://signal.org/docs/specifications/doubleratchet/ */
export function stepRoot(rootKey: Buffer, own: KeyPair, theirs: Buffer): { rootKey: Buffer; chainKey: Buffer } {
  const [next, chainKey] = hkdf(sharedSecret(own.privateKey, theirs), rootKey, 'WhisperRatchet', 2);
  return { rootKey: next, chainKey };
}

/** One step of a chain: the key of its next message, and the key behind that. */
export function stepChain(chainKey: Buffer): { messageKey: Buffer; chainKey: Buffer } {
  return { messageKey: hmac(chainKey, [1]), chainKey: hmac(chainKey, [2]) };
}

export interface MessageKeys {
  readonly cipherKey: Buffer;
  readonly macKey: Buffer;
  readonly iv: Buffer;
}

export function messageKeys(messageKey: Buffer): MessageKeys {
  const [cipherKey, macKey, third] = hkdf(messageKey, NO_SALT, 'WhisperMessageKeys', 3);
  return { cipherKey, macKey, iv: third.subarray(0, 16) };
}

function hmac(key: Buffer, bytes: readonly number[]): Buffer {
  return createHmac('sha256', key).update(Buffer.from(bytes)).digest();
}

function hkdf(input: Buffer, salt: Buffer, info: string, keys: 2 | 3): [Buffer, Buffer, Buffer] {
  const bytes = Buffer.from(hkdfSync('sha256', input, salt, info, keys * 32));
  return [bytes.subarray(0, 32), bytes.subarray(32, 64), bytes.subarray(64)];
}
