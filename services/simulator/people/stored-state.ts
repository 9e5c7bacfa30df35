import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { toKeyPair, type KeyPair } from '../protocol/x25519.ts';
import { PreKeys } from './prekeys.ts';

const Key = Type.String({ pattern: '^[A-Za-z0-9+/]{43}=$' });
const Signature = Type.String({ pattern: '^[A-Za-z0-9+/]{86}==$' });
const Digits = Type.String({ pattern: '^[1-9][0-9]{9,19}$' });

const StoredRootKey = Type.Object({ privateKey: Key });
const StoredPhone = Type.Object({
  phoneNumber: Digits,
  lid: Digits,
  name: Type.String(),
  business: Type.Boolean(),
  identityPrivateKey: Key,
  lastDevice: Type.Integer({ minimum: 0 }),
});
const StoredDevice = Type.Object({
  phoneNumber: Digits,
  device: Type.Integer({ minimum: 1 }),
  platform: Type.String(),
  linkedAt: Type.Integer(),
  noiseKey: Key,
  identityKey: Key,
  registrationId: Type.Integer(),
  signedPreKey: Type.Object({ id: Type.Integer(), key: Key, signature: Signature }),
  introduced: Type.Optional(Type.Boolean()),
  /** The records of `PreKeys`. Files of earlier versions hold a number: the keys are unknown and uploaded anew. */
  preKeys: Type.Union([Type.String({ pattern: '^[A-Za-z0-9+/=]*$' }), Type.Integer({ minimum: 0 })]),
});

export const ROOT_KEY_SHAPE = Compile(StoredRootKey);
export const PHONE_SHAPE = Compile(StoredPhone);
export const DEVICE_SHAPE = Compile(StoredDevice);

/** A simulated person's phone: the account, and the key that vouches for its devices. */
export interface Phone {
  /** The phone number, which is also how the control API names the phone. */
  readonly id: string;
  readonly lid: string;
  readonly name: string;
  /** A WhatsApp Business account tells its name when a device is linked. */
  readonly business: boolean;
  readonly identity: KeyPair;
  /** The highest index ever given to a device; indexes are not used again. */
  readonly lastDevice: number;
}

/** A linked device, as the server knows it: public keys only. */
export interface Device {
  readonly phoneNumber: string;
  /** From 1; the phone itself is 0. Also its key index. */
  readonly device: number;
  readonly platform: string;
  /** ms since the epoch. */
  readonly linkedAt: number;
  /** What a login is authenticated by. */
  readonly noiseKey: Buffer;
  readonly identityKey: Buffer;
  readonly registrationId: number;
  readonly signedPreKey: { readonly id: number; readonly key: Buffer; readonly signature: Buffer };
  /** One-time prekeys uploaded and not handed out, in the order in which they will be. */
  readonly preKeys: PreKeys;
  /** Its phone has told it the names of its owner and contacts. */
  readonly introduced: boolean;
}

/** `PN:N@s.whatsapp.net`. */
export function jidOf({ phoneNumber, device }: Pick<Device, 'phoneNumber' | 'device'>): string {
  return `${phoneNumber}:${device}@s.whatsapp.net`;
}

/** `LID:N@lid`. */
export function lidOf({ lid }: Pick<Phone, 'lid'>, device: number): string {
  return `${lid}:${device}@lid`;
}

export function toStoredPhone({ id, lid, name, business, identity, lastDevice }: Phone): Static<typeof StoredPhone> {
  const identityPrivateKey = identity.privateKey.toString('base64');
  return { phoneNumber: id, lid, name, business, identityPrivateKey, lastDevice };
}

export function fromStoredPhone({ phoneNumber, identityPrivateKey, ...rest }: Static<typeof StoredPhone>): Phone {
  return { id: phoneNumber, ...rest, identity: toKeyPair(Buffer.from(identityPrivateKey, 'base64')) };
}

export function toStoredDevice(device: Device): Static<typeof StoredDevice> {
  const { id, key, signature } = device.signedPreKey;
  return {
    ...device,
    preKeys: device.preKeys.bytes.toString('base64'),
    noiseKey: device.noiseKey.toString('base64'),
    identityKey: device.identityKey.toString('base64'),
    signedPreKey: { id, key: key.toString('base64'), signature: signature.toString('base64') },
  };
}

export function fromStoredDevice(stored: Static<typeof StoredDevice>): Device {
  const { id, key, signature } = stored.signedPreKey;
  return {
    ...stored,
    introduced: stored.introduced ?? false,
    preKeys: typeof stored.preKeys === 'string' ? new PreKeys(Buffer.from(stored.preKeys, 'base64')) : PreKeys.none,
    noiseKey: Buffer.from(stored.noiseKey, 'base64'),
    identityKey: Buffer.from(stored.identityKey, 'base64'),
    signedPreKey: { id, key: Buffer.from(key, 'base64'), signature: Buffer.from(signature, 'base64') },
  };
}
