import { createHash, randomBytes } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';

/**
 * XEdDSA: Ed25519 signatures with X25519 keys. https://signal.org/docs/specifications/xeddsa/
 * Messages are bytes as signed; callers prepend whatever domain prefix their signature has.
 */
const { Point } = ed25519;
const { Fp, Fn } = Point;
const SIGNATURE_BYTES = 64;
const KEY_BYTES = 32;
/** hash1 of the specification: SHA-512 behind 2^256 - 2 in little-endian. */
const HASH_1_PREFIX = Buffer.concat([Buffer.from([0xfe]), Buffer.alloc(31, 0xff)]);

/** Signs with the private X25519 key. `random` are 64 bytes that must never repeat with another message. */
export function sign(privateKey: Buffer, message: Uint8Array, random: Buffer = randomBytes(64)): Buffer {
  const scalar = Fn.create(littleEndian(clamp(privateKey)));
  const point = Point.BASE.multiply(scalar);
  // The specification gives every X25519 key the Edwards point with sign bit 0.
  const isNegative = ((point.toBytes()[KEY_BYTES - 1] ?? 0) & 0x80) !== 0;
  const a = isNegative ? Fn.neg(scalar) : scalar;
  const publicKey = (isNegative ? point.negate() : point).toBytes();
  const r = hashToScalar(HASH_1_PREFIX, Fn.toBytes(a), message, random);
  const commitment = Point.BASE.multiply(r).toBytes();
  const h = hashToScalar(commitment, publicKey, message);
  return Buffer.concat([commitment, Fn.toBytes(Fn.add(r, Fn.mul(h, a)))]);
}

/**
 * Verifies against the public X25519 key. Accepts the sign bit of the Edwards key in the signature's top bit: clients
 * built on the older curve25519 signatures, Baileys among them, put it there.
 */
export function verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
  const signBit = (signature[SIGNATURE_BYTES - 1] ?? 0) & 0x80;
  const plain = Uint8Array.from(signature);
  plain[SIGNATURE_BYTES - 1] = (plain[SIGNATURE_BYTES - 1] ?? 0) & 0x7f;
  const edwards = toEdwards(publicKey, signBit);
  return edwards !== undefined && ed25519.verify(plain, message, edwards, { zip215: false });
}

/** The birational map y = (u - 1) / (u + 1); u = -1 has no image. */
function toEdwards(publicKey: Uint8Array, signBit: number): Uint8Array | undefined {
  const masked = Uint8Array.from(publicKey);
  masked[KEY_BYTES - 1] = (masked[KEY_BYTES - 1] ?? 0) & 0x7f;
  const u = Fp.create(littleEndian(masked));
  const denominator = Fp.add(u, 1n);
  if (Fp.is0(denominator)) return undefined;
  const edwards = Fp.toBytes(Fp.div(Fp.sub(u, 1n), denominator));
  edwards[KEY_BYTES - 1] = (edwards[KEY_BYTES - 1] ?? 0) | signBit;
  return edwards;
}

function clamp(privateKey: Buffer): Uint8Array {
  const bytes = Uint8Array.from(privateKey);
  bytes[0] = (bytes[0] ?? 0) & 0xf8;
  bytes[KEY_BYTES - 1] = ((bytes[KEY_BYTES - 1] ?? 0) & 0x7f) | 0x40;
  return bytes;
}

function hashToScalar(...parts: readonly Uint8Array[]): bigint {
  const hash = createHash('sha512');
  for (const part of parts) hash.update(part);
  return Fn.create(littleEndian(hash.digest()));
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes.toReversed()).toString('hex')}`);
}
