import { createCipheriv, createDecipheriv } from 'node:crypto';

const TAG_BYTES = 16;

/** AES-256-GCM as Noise uses it: 12-byte nonce of 4 zero bytes and a u64 big-endian counter, tag behind the ciphertext. */
export function seal(key: Uint8Array, counter: number, aad: Uint8Array, plaintext: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonceOf(counter)).setAAD(aad);
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** The plaintext, or `undefined` when the ciphertext does not authenticate. */
export function open(key: Uint8Array, counter: number, aad: Uint8Array, ciphertext: Uint8Array): Buffer | undefined {
  return openWithNonce(key, nonceOf(counter), aad, ciphertext);
}

/** As `open`, with a 12-byte nonce that does not count. */
export function openWithNonce(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  ciphertext: Uint8Array,
): Buffer | undefined {
  if (ciphertext.length < TAG_BYTES) return undefined;
  const tagStart = ciphertext.length - TAG_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', key, nonce).setAAD(aad).setAuthTag(ciphertext.subarray(tagStart));
  const plaintext = decipher.update(ciphertext.subarray(0, tagStart));
  try {
    return Buffer.concat([plaintext, decipher.final()]);
  } catch {
    // The only failure of final() here is the tag.
    return undefined;
  }
}

function nonceOf(counter: number): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64BE(BigInt(counter), 4);
  return nonce;
}
