import { SERVER_JID, bytesOf, childOf, node, type BinaryNode } from '../protocol/node.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';

/** The companion's first message: it shows a code for the phone with this number. */
export interface CompanionHello {
  readonly phoneNumber: string;
  readonly wrappedEphemeralKey: Buffer;
  /** What the phone calls the device: `Chrome (Mac OS)`. */
  readonly platform: string;
}

/** The companion's answer to the phone. */
export interface CompanionFinish {
  readonly wrappedKeyBundle: Buffer;
  readonly identityKey: Buffer;
  readonly ref: Buffer;
}

/** The phone's message, after its owner typed the code. */
export interface PrimaryHello {
  readonly wrappedEphemeralKey: Buffer;
  readonly identityKey: Buffer;
  readonly ref: Buffer;
}

const TAG = 'link_code_companion_reg';

/** The stage of a query about linking by code, or `undefined` for any other query. */
export function codeStageOf(query: BinaryNode): string | undefined {
  return query.attrs['xmlns'] === 'md' ? childOf(query, TAG)?.attrs['stage'] : undefined;
}

/** @throws ProtocolError PAIRING_INVALID */
export function readCompanionHello(query: BinaryNode, noiseKey: Buffer): CompanionHello {
  const hello = childOf(query, TAG);
  const [phoneNumber = '', server] = (hello?.attrs['jid'] ?? '').split('@');
  if (server !== 's.whatsapp.net' || !/^[1-9][0-9]{4,19}$/.test(phoneNumber)) {
    throw new ProtocolError('PAIRING_INVALID', 'the request names no phone');
  }
  if (!sized(hello, 'companion_server_auth_key_pub', 32).equals(noiseKey)) {
    throw new ProtocolError('PAIRING_INVALID', 'the request names another noise key');
  }
  const platform = bytesOf(childOf(hello, 'companion_platform_display'))?.toString('utf8') ?? '';
  if (platform === '') throw new ProtocolError('PAIRING_INVALID', 'the request names no platform');
  const wrappedEphemeralKey = sized(hello, 'link_code_pairing_wrapped_companion_ephemeral_pub', 80);
  return { phoneNumber, wrappedEphemeralKey, platform };
}

/** @throws ProtocolError PAIRING_INVALID */
export function readCompanionFinish(query: BinaryNode, identityKey: Buffer): CompanionFinish {
  const finish = childOf(query, TAG);
  const wrappedKeyBundle = bytesOf(childOf(finish, 'link_code_pairing_wrapped_key_bundle'));
  const ref = bytesOf(childOf(finish, 'link_code_pairing_ref'));
  if (!wrappedKeyBundle || !ref) throw new ProtocolError('PAIRING_INVALID', 'the key bundle or the ref is missing');
  if (!sized(finish, 'companion_identity_public', 32).equals(identityKey)) {
    throw new ProtocolError('PAIRING_INVALID', 'the identity is not that of the device');
  }
  return { wrappedKeyBundle, identityKey, ref };
}

/** What answers a hello. */
export function pairingRef(ref: Buffer): BinaryNode {
  return node(TAG, { stage: 'companion_hello' }, [node('link_code_pairing_ref', {}, ref)]);
}

export function primaryHello(id: string, { wrappedEphemeralKey, identityKey, ref }: PrimaryHello): BinaryNode {
  const content = [
    node('link_code_pairing_wrapped_primary_ephemeral_pub', {}, wrappedEphemeralKey),
    node('primary_identity_pub', {}, identityKey),
    node('link_code_pairing_ref', {}, ref),
  ];
  const attrs = { id, type: TAG, from: SERVER_JID, t: String(Math.floor(Date.now() / 1000)) };
  return node('notification', attrs, [node(TAG, { stage: 'primary_hello' }, content)]);
}

function sized(parent: BinaryNode | undefined, tag: string, length: number): Buffer {
  const bytes = bytesOf(childOf(parent, tag));
  if (bytes?.length !== length) throw new ProtocolError('PAIRING_INVALID', `${tag} is not ${length} bytes`);
  return bytes;
}
