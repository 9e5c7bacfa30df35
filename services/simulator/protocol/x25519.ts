import { createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { ProtocolError } from './protocol-error.ts';

/** Raw 32-byte keys, without the type byte `05` that Signal puts before public keys. */
export interface KeyPair {
  readonly publicKey: Buffer;
  readonly privateKey: Buffer;
}

// RFC 8410: a raw X25519 key is the tail of its DER form.
const PUBLIC_DER = Buffer.from('302a300506032b656e032100', 'hex');
const PRIVATE_DER = Buffer.from('302e020100300506032b656e04220420', 'hex');
const KEY_BYTES = 32;

export function generateKeyPair(): KeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('x25519', {
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'der' },
  });
  return { publicKey: publicKey.subarray(PUBLIC_DER.length), privateKey: privateKey.subarray(PRIVATE_DER.length) };
}

export function toKeyPair(privateKey: Buffer): KeyPair {
  const der = createPublicKey(importPrivate(privateKey)).export({ type: 'spki', format: 'der' });
  return { publicKey: der.subarray(PUBLIC_DER.length), privateKey };
}

/**
 * The X25519 shared secret.
 * @throws ProtocolError HANDSHAKE_INVALID when the peer's key is not 32 bytes or of low order
 */
export function sharedSecret(privateKey: Buffer, peerPublicKey: Uint8Array): Buffer {
  if (peerPublicKey.length !== KEY_BYTES) throw new ProtocolError('HANDSHAKE_INVALID', 'a public key is not 32 bytes');
  const publicKey = createPublicKey({
    key: Buffer.concat([PUBLIC_DER, peerPublicKey]),
    format: 'der',
    type: 'spki',
  });
  try {
    return diffieHellman({ privateKey: importPrivate(privateKey), publicKey });
  } catch (cause) {
    throw new ProtocolError('HANDSHAKE_INVALID', 'a public key has low order', { cause });
  }
}

function importPrivate(privateKey: Buffer): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PRIVATE_DER, privateKey]), format: 'der', type: 'pkcs8' });
}
