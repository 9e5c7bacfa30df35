import { proto } from '@whiskeysockets/baileys';
import { ProtocolError } from './protocol-error.ts';
import { verifySignedPreKey, type SignedPreKey } from './signed-prekey.ts';

interface Client {
  /** The third number of the client's version: the one that rises with every release. */
  readonly revision: number;
}

/** A new companion that wants to be linked. */
export interface RegistrationPayload extends Client {
  readonly kind: 'registration';
  readonly registrationId: number;
  readonly identityKey: Buffer;
  readonly signedPreKey: SignedPreKey;
  /** What the phone lists the device as: `Chrome (Mac OS)`. */
  readonly platform: string;
}

/** A linked device that comes back; its noise key decides whether it may. */
export interface LoginPayload extends Client {
  readonly kind: 'login';
  readonly phoneNumber: string;
  readonly device: number;
}

/** The only key type of the protocol: Curve25519. */
const KEY_TYPE = 5;

/**
 * What the client wants, from its last handshake message. A registration's signed prekey is verified here.
 * @throws ProtocolError PAYLOAD_INVALID, PREKEY_SIGNATURE_INVALID
 */
export function parseClientPayload(bytes: Buffer): RegistrationPayload | LoginPayload {
  const payload = decode(bytes);
  const revision = payload.userAgent?.appVersion?.tertiary ?? 0;
  if (payload.devicePairingData) return { ...toRegistration(payload.devicePairingData), revision };
  const phoneNumber = String(payload.username ?? '');
  if (!/^[1-9][0-9]{4,19}$/.test(phoneNumber)) {
    throw new ProtocolError('PAYLOAD_INVALID', 'neither a registration nor a login');
  }
  // A client that asked for a pairing code and was not linked logs in by its number alone.
  return { kind: 'login', phoneNumber, device: payload.device ?? 0, revision };
}

function toRegistration(
  data: proto.ClientPayload.IDevicePairingRegistrationData,
): Omit<RegistrationPayload, 'revision'> {
  const keyType = bytesOf(data.eKeytype, 1, 'key type');
  if (keyType[0] !== KEY_TYPE) throw new ProtocolError('PAYLOAD_INVALID', 'unknown key type');
  const identityKey = bytesOf(data.eIdent, 32, 'identity key');
  const signedPreKey = {
    id: bytesOf(data.eSkeyId, 3, 'signed prekey id').readUIntBE(0, 3),
    key: bytesOf(data.eSkeyVal, 32, 'signed prekey'),
    signature: bytesOf(data.eSkeySig, 64, 'signed prekey signature'),
  };
  verifySignedPreKey(identityKey, signedPreKey);
  return {
    kind: 'registration',
    registrationId: bytesOf(data.eRegid, 4, 'registration id').readUInt32BE(),
    identityKey,
    signedPreKey,
    platform: platformOf(data.deviceProps),
  };
}

function bytesOf(value: Uint8Array | null | undefined, length: number, name: string): Buffer {
  if (value?.length !== length) throw new ProtocolError('PAYLOAD_INVALID', `${name} is not ${length} bytes`);
  return Buffer.from(value);
}

function platformOf(deviceProps: Uint8Array | null | undefined): string {
  if (!deviceProps) throw new ProtocolError('PAYLOAD_INVALID', 'no device properties');
  try {
    const { platformType, os } = proto.DeviceProps.decode(deviceProps);
    const type = proto.DeviceProps.PlatformType[platformType ?? 0] ?? 'UNKNOWN';
    return `${type.slice(0, 1)}${type.slice(1).toLowerCase().replaceAll('_', ' ')} (${os ?? 'unknown system'})`;
  } catch (cause) {
    throw new ProtocolError('PAYLOAD_INVALID', 'unreadable device properties', { cause });
  }
}

function decode(bytes: Buffer): proto.ClientPayload {
  try {
    return proto.ClientPayload.decode(bytes);
  } catch (cause) {
    throw new ProtocolError('PAYLOAD_INVALID', 'not a client payload', { cause });
  }
}
