import { createHmac } from 'node:crypto';
import { proto } from '@whiskeysockets/baileys';
import { ProtocolError } from './protocol-error.ts';
import type { KeyPair } from './x25519.ts';
import { sign, verify } from './xeddsa.ts';

/** Domain prefixes of the two signatures that tie a companion to its account. */
const ACCOUNT_SIGNATURE_PREFIX = Buffer.from([6, 0]);
const DEVICE_SIGNATURE_PREFIX = Buffer.from([6, 1]);

export interface LinkTerms {
  /** The account's key: the phone's identity. */
  readonly phoneIdentity: KeyPair;
  readonly companionIdentityKey: Buffer;
  /** The secret that only the companion's screen shows: it proves that the link came from whoever scanned it. */
  readonly advSecret: Buffer;
  readonly rawId: number;
  readonly keyIndex: number;
  /** Seconds since the epoch. */
  readonly timestamp: number;
}

export interface SignedLink {
  /** An encoded `ADVSignedDeviceIdentityHMAC`: the content of pair-success. */
  readonly deviceIdentity: Buffer;
  /** The encoded `ADVDeviceIdentity` that both sides sign. */
  readonly details: Buffer;
}

/** What the phone signs when it links a companion. */
export function signLink(terms: LinkTerms): SignedLink {
  const details = proto.ADVDeviceIdentity.encode({
    rawId: terms.rawId,
    timestamp: terms.timestamp,
    keyIndex: terms.keyIndex,
    accountType: proto.ADVEncryptionType.E2EE,
    deviceType: proto.ADVEncryptionType.E2EE,
  }).finish();
  const signed = proto.ADVSignedDeviceIdentity.encode({
    details,
    accountSignatureKey: terms.phoneIdentity.publicKey,
    accountSignature: sign(
      terms.phoneIdentity.privateKey,
      Buffer.concat([ACCOUNT_SIGNATURE_PREFIX, details, terms.companionIdentityKey]),
    ),
  }).finish();
  const hmac = createHmac('sha256', terms.advSecret).update(signed).digest();
  // The outer account type stays out: a client that finds one there puts a prefix before the bytes it authenticates.
  const deviceIdentity = proto.ADVSignedDeviceIdentityHMAC.encode({ details: signed, hmac }).finish();
  return { deviceIdentity: Buffer.from(deviceIdentity), details: Buffer.from(details) };
}

export interface DeviceSignatureCheck {
  /** The details that the phone signed. */
  readonly details: Buffer;
  readonly companionIdentityKey: Buffer;
  readonly phoneIdentityKey: Buffer;
  /** An encoded `ADVSignedDeviceIdentity`: the companion's answer to pair-success. */
  readonly answer: Uint8Array;
}

/**
 * Checks the companion's answer.
 * @throws ProtocolError DEVICE_SIGNATURE_INVALID when it signs other details or does not verify
 */
export function verifyDeviceSignature({
  details,
  companionIdentityKey,
  phoneIdentityKey,
  answer,
}: DeviceSignatureCheck): void {
  const identity = decode(answer);
  if (!identity.details || !details.equals(identity.details)) {
    throw new ProtocolError('DEVICE_SIGNATURE_INVALID', 'the companion signed other details');
  }
  const message = Buffer.concat([DEVICE_SIGNATURE_PREFIX, details, companionIdentityKey, phoneIdentityKey]);
  if (!verify(companionIdentityKey, message, identity.deviceSignature ?? new Uint8Array())) {
    throw new ProtocolError('DEVICE_SIGNATURE_INVALID', 'the device signature does not verify');
  }
}

function decode(answer: Uint8Array): proto.ADVSignedDeviceIdentity {
  try {
    return proto.ADVSignedDeviceIdentity.decode(answer);
  } catch (cause) {
    throw new ProtocolError('DEVICE_SIGNATURE_INVALID', 'not a signed device identity', { cause });
  }
}
