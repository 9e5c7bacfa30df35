import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto';
import { proto } from '@whiskeysockets/baileys';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { MessageKeys } from './key-schedule.ts';

/** Version 3 in both halves: the one in use, and the highest known. */
const VERSION = 0x33;
const MAC_BYTES = 8;
const KEY_TYPE = 5;

/** A message within a session, before it is sealed. */
export interface RatchetMessage {
  readonly ratchetKey: Buffer;
  readonly counter: number;
  readonly previousCounter: number;
}

/** The identities that the MAC ties the message to, sender first. */
export type Identities = readonly [sender: Buffer, receiver: Buffer];

export function sealMessage(
  { ratchetKey, counter, previousCounter }: RatchetMessage,
  keys: MessageKeys,
  identities: Identities,
  plaintext: Buffer,
): Buffer {
  const cipher = createCipheriv('aes-256-cbc', keys.cipherKey, keys.iv);
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  const fields = { ratchetKey: typed(ratchetKey), counter, previousCounter, ciphertext };
  const body = Buffer.concat([Buffer.from([VERSION]), proto.SignalMessage.encode(fields).finish()]);
  return Buffer.concat([body, macOf(keys.macKey, identities, body)]);
}

/** What stands in the clear. @throws ProtocolError MESSAGE_INVALID */
export function readMessage(bytes: Buffer): RatchetMessage & { readonly ciphertext: Buffer } {
  const { ratchetKey, counter, previousCounter, ciphertext } = decode(() =>
    proto.SignalMessage.decode(versioned(bytes).subarray(0, -MAC_BYTES)),
  );
  if (!ratchetKey || !ciphertext) throw invalid('the message lacks its key or its content');
  return {
    ratchetKey: untyped(ratchetKey),
    counter: counter ?? 0,
    previousCounter: previousCounter ?? 0,
    ciphertext: Buffer.from(ciphertext),
  };
}

/** @throws ProtocolError MESSAGE_INVALID when it does not authenticate */
export function openMessage(bytes: Buffer, keys: MessageKeys, identities: Identities): Buffer {
  const { ciphertext } = readMessage(bytes);
  const mac = macOf(keys.macKey, identities, bytes.subarray(0, -MAC_BYTES));
  if (!timingSafeEqual(mac, bytes.subarray(-MAC_BYTES))) throw invalid('the message does not authenticate');
  return decode(() => {
    const decipher = createDecipheriv('aes-256-cbc', keys.cipherKey, keys.iv);
    return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
  });
}

/** A message that carries what the receiver needs to start the session. */
export interface OpeningMessage {
  readonly registrationId: number;
  readonly preKeyId: number | undefined;
  readonly signedPreKeyId: number;
  readonly baseKey: Buffer;
  readonly identityKey: Buffer;
  readonly message: Buffer;
}

export function encodeOpening({ preKeyId, baseKey, identityKey, ...rest }: OpeningMessage): Buffer {
  const fields = {
    ...rest,
    ...(preKeyId !== undefined && { preKeyId }),
    baseKey: typed(baseKey),
    identityKey: typed(identityKey),
  };
  return Buffer.concat([Buffer.from([VERSION]), proto.PreKeySignalMessage.encode(fields).finish()]);
}

/** @throws ProtocolError MESSAGE_INVALID */
export function readOpening(bytes: Buffer): OpeningMessage {
  const opening = decode(() => proto.PreKeySignalMessage.decode(versioned(bytes)));
  const { registrationId, preKeyId, signedPreKeyId, baseKey, identityKey, message } = opening;
  if (!baseKey || !identityKey || !message) throw invalid('the message lacks what starts a session');
  return {
    registrationId: registrationId ?? 0,
    preKeyId: preKeyId ?? undefined,
    signedPreKeyId: signedPreKeyId ?? 0,
    baseKey: untyped(baseKey),
    identityKey: untyped(identityKey),
    message: Buffer.from(message),
  };
}

function versioned(bytes: Buffer): Buffer {
  if (bytes.length <= 1 + MAC_BYTES || bytes[0] !== VERSION) throw invalid('not a message of version 3');
  return bytes.subarray(1);
}

function macOf(key: Buffer, [sender, receiver]: Identities, body: Buffer): Buffer {
  return createHmac('sha256', key)
    .update(typed(sender))
    .update(typed(receiver))
    .update(body)
    .digest()
    .subarray(0, MAC_BYTES);
}

/** Signal writes the type of a public key before it. */
function typed(key: Buffer): Buffer {
  return Buffer.concat([Buffer.from([KEY_TYPE]), key]);
}

function untyped(key: Uint8Array): Buffer {
  if (key.length !== 33 || key[0] !== KEY_TYPE) throw invalid('a key is not a typed curve key');
  return Buffer.from(key.subarray(1));
}

function decode<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new ProtocolError('MESSAGE_INVALID', 'the message cannot be decoded', { cause });
  }
}

function invalid(message: string): ProtocolError {
  return new ProtocolError('MESSAGE_INVALID', message);
}
