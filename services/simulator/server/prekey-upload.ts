import { bytesOf, childOf, childrenOf, type BinaryNode } from '../protocol/node.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import { verifySignedPreKey, type SignedPreKey } from '../protocol/signed-prekey.ts';

export interface UploadedKeys {
  readonly registrationId: number;
  readonly signedPreKey: SignedPreKey;
  /** How many one-time prekeys came. */
  readonly preKeys: number;
}

/**
 * Reads and verifies an upload of prekeys.
 * @throws ProtocolError PREKEYS_INVALID, PREKEY_SIGNATURE_INVALID
 */
export function readUploadedKeys(query: BinaryNode, identityKey: Buffer): UploadedKeys {
  if (!sized(childOf(query, 'identity'), 32, 'identity').equals(identityKey)) {
    throw new ProtocolError('PREKEYS_INVALID', 'the identity is not that of the device');
  }
  const preKeys = childrenOf(childOf(query, 'list')).filter(({ tag }) => tag === 'key');
  if (preKeys.length === 0) throw new ProtocolError('PREKEYS_INVALID', 'no prekeys');
  const ids = new Set(preKeys.map((key) => sized(childOf(key, 'id'), 3, 'prekey id').readUIntBE(0, 3)));
  for (const key of preKeys) sized(childOf(key, 'value'), 32, 'prekey');
  if (ids.size !== preKeys.length) throw new ProtocolError('PREKEYS_INVALID', 'a prekey id repeats');
  return {
    registrationId: sized(childOf(query, 'registration'), 4, 'registration id').readUInt32BE(),
    signedPreKey: readSignedPreKey(childOf(query, 'skey'), identityKey),
    preKeys: preKeys.length,
  };
}

/** @throws ProtocolError PREKEYS_INVALID, PREKEY_SIGNATURE_INVALID */
export function readSignedPreKey(skey: BinaryNode | undefined, identityKey: Buffer): SignedPreKey {
  const signedPreKey = {
    id: sized(childOf(skey, 'id'), 3, 'signed prekey id').readUIntBE(0, 3),
    key: sized(childOf(skey, 'value'), 32, 'signed prekey'),
    signature: sized(childOf(skey, 'signature'), 64, 'signature'),
  };
  verifySignedPreKey(identityKey, signedPreKey);
  return signedPreKey;
}

function sized(leaf: BinaryNode | undefined, length: number, name: string): Buffer {
  const bytes = bytesOf(leaf);
  if (bytes?.length !== length) throw new ProtocolError('PREKEYS_INVALID', `${name} is not ${length} bytes`);
  return bytes;
}
