import { PreKeys } from '../people/prekeys.ts';
import { bytesOf, childOf, childrenOf, type BinaryNode } from '../protocol/node.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import { verifySignedPreKey, type SignedPreKey } from '../protocol/signed-prekey.ts';

export interface UploadedKeys {
  readonly registrationId: number;
  readonly signedPreKey: SignedPreKey;
  readonly preKeys: PreKeys;
}

/**
 * Reads and verifies an upload of prekeys.
 * @throws ProtocolError PREKEYS_INVALID, PREKEY_SIGNATURE_INVALID
 */
export function readUploadedKeys(query: BinaryNode, identityKey: Buffer): UploadedKeys {
  if (!sized(childOf(query, 'identity'), 32, 'identity').equals(identityKey)) {
    throw new ProtocolError('PREKEYS_INVALID', 'the identity is not that of the device');
  }
  const keys = childrenOf(childOf(query, 'list')).filter(({ tag }) => tag === 'key');
  if (keys.length === 0) throw new ProtocolError('PREKEYS_INVALID', 'no prekeys');
  const preKeys = keys.map((key) => ({
    id: sized(childOf(key, 'id'), 3, 'prekey id').readUIntBE(0, 3),
    key: sized(childOf(key, 'value'), 32, 'prekey'),
  }));
  if (new Set(preKeys.map(({ id }) => id)).size !== preKeys.length) {
    throw new ProtocolError('PREKEYS_INVALID', 'a prekey id repeats');
  }
  return {
    registrationId: sized(childOf(query, 'registration'), 4, 'registration id').readUInt32BE(),
    signedPreKey: readSignedPreKey(childOf(query, 'skey'), identityKey),
    preKeys: PreKeys.of(preKeys),
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
