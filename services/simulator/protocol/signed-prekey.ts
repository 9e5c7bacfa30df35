import { ProtocolError } from './protocol-error.ts';
import { verify } from './xeddsa.ts';

export interface SignedPreKey {
  readonly id: number;
  readonly key: Buffer;
  readonly signature: Buffer;
}

/** Public keys inside signatures carry Signal's type byte. */
const KEY_TYPE_PREFIX = Buffer.from([5]);

/** @throws ProtocolError PREKEY_SIGNATURE_INVALID when the identity did not sign `05` and the prekey */
export function verifySignedPreKey(identityKey: Buffer, { key, signature }: SignedPreKey): void {
  if (verify(identityKey, Buffer.concat([KEY_TYPE_PREFIX, key]), signature)) return;
  throw new ProtocolError('PREKEY_SIGNATURE_INVALID', 'the identity key did not sign the prekey');
}
