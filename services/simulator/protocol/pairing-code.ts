import { createCipheriv, createDecipheriv, hkdfSync, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { openWithNonce } from './aes-gcm.ts';
import { ProtocolError } from './protocol-error.ts';

/** Crockford's alphabet as WhatsApp uses it: without 0, I, O and U. */
const CODE_PATTERN = /^[1-9A-HJ-NP-TV-Z]{8}$/;
const ITERATIONS = 2 << 16;
const KEY_BYTES = 32;
const SALT_BYTES = 32;
const CTR_IV_BYTES = 16;
const GCM_IV_BYTES = 12;
const WRAPPED_BYTES = SALT_BYTES + CTR_IV_BYTES + KEY_BYTES;
const NOTHING = Buffer.alloc(0);

const derive = promisify(pbkdf2);

/** A code as people type it, in any case, with dashes and spaces; `undefined` when it is none. */
export function parsePairingCode(text: string): string | undefined {
  const code = text.replaceAll(/[\s-]/g, '').toUpperCase();
  return CODE_PATTERN.test(code) ? code : undefined;
}

/**
 * Wraps an ephemeral public key for whoever knows the code: salt 32, iv 16, AES-256-CTR. Nothing authenticates it: another
 * code unwraps another key.
 */
export async function wrapEphemeralKey(
  code: string,
  publicKey: Buffer,
  random: Buffer = randomBytes(SALT_BYTES + CTR_IV_BYTES),
): Promise<Buffer> {
  const iv = random.subarray(SALT_BYTES);
  const key = await keyOfCode(code, random.subarray(0, SALT_BYTES));
  return Buffer.concat([random, createCipheriv('aes-256-ctr', key, iv).update(publicKey)]);
}

/** @throws ProtocolError PAIRING_INVALID when it is not 80 bytes */
export async function unwrapEphemeralKey(code: string, wrapped: Buffer): Promise<Buffer> {
  if (wrapped.length !== WRAPPED_BYTES) throw new ProtocolError('PAIRING_INVALID', 'a wrapped key is not 80 bytes');
  const key = await keyOfCode(code, wrapped.subarray(0, SALT_BYTES));
  const iv = wrapped.subarray(SALT_BYTES, SALT_BYTES + CTR_IV_BYTES);
  return createDecipheriv('aes-256-ctr', key, iv).update(wrapped.subarray(SALT_BYTES + CTR_IV_BYTES));
}

/** What the companion hands over once both know the ephemeral secret. */
export interface KeyBundle {
  readonly companionIdentityKey: Buffer;
  readonly primaryIdentityKey: Buffer;
  readonly random: Buffer;
}

/**
 * Opens salt 32, iv 12, AES-256-GCM. `undefined` when it does not authenticate: the phone was given another code than the
 * companion shows.
 * @throws ProtocolError PAIRING_INVALID when it authenticates and is not three keys
 */
export function openKeyBundle(ephemeralSecret: Buffer, bundle: Buffer): KeyBundle | undefined {
  const salt = bundle.subarray(0, SALT_BYTES);
  const info = 'link_code_pairing_key_bundle_encryption_key';
  const key = Buffer.from(hkdfSync('sha256', ephemeralSecret, salt, info, KEY_BYTES));
  const iv = bundle.subarray(SALT_BYTES, SALT_BYTES + GCM_IV_BYTES);
  if (iv.length < GCM_IV_BYTES) throw new ProtocolError('PAIRING_INVALID', 'the key bundle is cut short');
  const plaintext = openWithNonce(key, iv, NOTHING, bundle.subarray(SALT_BYTES + GCM_IV_BYTES));
  if (!plaintext) return undefined;
  if (plaintext.length !== 3 * KEY_BYTES)
    throw new ProtocolError('PAIRING_INVALID', 'the key bundle is not three keys');
  return {
    companionIdentityKey: plaintext.subarray(0, KEY_BYTES),
    primaryIdentityKey: plaintext.subarray(KEY_BYTES, 2 * KEY_BYTES),
    random: plaintext.subarray(2 * KEY_BYTES),
  };
}

/** The secret that both sides derive in place of the one in a QR. */
export function deriveAdvSecret(ephemeralSecret: Buffer, identitySecret: Buffer, random: Buffer): Buffer {
  const input = Buffer.concat([ephemeralSecret, identitySecret, random]);
  return Buffer.from(hkdfSync('sha256', input, NOTHING, 'adv_secret', KEY_BYTES));
}

function keyOfCode(code: string, salt: Buffer): Promise<Buffer> {
  return derive(code, salt, ITERATIONS, KEY_BYTES, 'sha256');
}
