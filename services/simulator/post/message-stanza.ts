import type { Phone } from '../people/stored-state.ts';
import { SERVER_JID, bytesOf, childOf, childrenOf, node, type BinaryNode } from '../protocol/node.ts';
import type { Sealed } from '../signal/signal-session.ts';

/** Which of an account's two addresses a message names. */
export type AddressKind = 'lid' | 'pn';

export function addressOf(phone: Phone, kind: AddressKind): string {
  return kind === 'lid' ? `${phone.lid}@lid` : `${phone.id}@s.whatsapp.net`;
}

export interface Envelope {
  readonly id: string;
  readonly from: Phone;
  readonly to: Phone;
  readonly type: 'text' | 'reaction';
  readonly kind: AddressKind;
  /** ms since the epoch. */
  readonly at: number;
}

/** How a message reaches the devices of its recipient. */
export function toRecipient(envelope: Envelope, sealed: Sealed): BinaryNode {
  const { from, kind } = envelope;
  const other = kind === 'lid' ? { sender_pn: addressOf(from, 'pn') } : { sender_lid: addressOf(from, 'lid') };
  return message(envelope, other, sealed);
}

/** How it reaches the other devices of its sender. */
export function toOwnDevice(envelope: Envelope, sealed: Sealed): BinaryNode {
  const { to, kind } = envelope;
  const other =
    kind === 'lid' ? { peer_recipient_pn: addressOf(to, 'pn') } : { peer_recipient_lid: addressOf(to, 'lid') };
  return message(envelope, { recipient: addressOf(to, kind), ...other }, sealed);
}

/** What a phone tells its own device, and nobody sees. */
export function toPeer(envelope: Envelope, sealed: Sealed): BinaryNode {
  return message(envelope, { category: 'peer' }, sealed);
}

function message({ id, from, type, kind, at }: Envelope, attrs: Record<string, string>, sealed: Sealed): BinaryNode {
  const head = { id, from: addressOf(from, kind), type, t: seconds(at), notify: from.name, addressing_mode: kind };
  return node('message', { ...head, ...attrs }, [node('enc', { v: '2', type: sealed.type }, sealed.bytes)]);
}

/** One copy of a message that a device sends. */
export interface Copy {
  /** Whose device it is for. */
  readonly jid: string;
  readonly sealed: Sealed;
}

/** The copies in a device's message: one for each device of both sides, or a single one for its addressee. */
export function copiesOf(stanza: BinaryNode): Copy[] {
  const participants = childrenOf(childOf(stanza, 'participants')).filter(({ tag }) => tag === 'to');
  const targets = participants.length > 0 ? participants : [{ ...stanza, attrs: { jid: stanza.attrs['to'] ?? '' } }];
  return targets.flatMap((target) => {
    const enc = childOf(target, 'enc');
    const bytes = bytesOf(enc);
    const type = enc?.attrs['type'];
    if (!bytes || (type !== 'pkmsg' && type !== 'msg')) return [];
    return [{ jid: target.attrs['jid'] ?? '', sealed: { type, bytes } }];
  });
}

/** The server has taken a stanza of a device. */
export function ackOf({ tag, attrs }: BinaryNode, nowMs: number): BinaryNode {
  const { id = '', to = SERVER_JID, type } = attrs;
  const t = tag === 'message' ? { t: seconds(nowMs) } : {};
  return node('ack', { class: tag, id, from: to, ...(type !== undefined && tag === 'receipt' && { type }), ...t });
}

/** The recipient has the message, or has read it. */
export function receipt(id: string, from: string, type: 'read' | undefined, nowMs: number): BinaryNode {
  return node('receipt', { id, from, ...(type && { type }), t: seconds(nowMs) });
}

/** The recipient cannot read the message and wants it once more. */
export function retryReceipt(id: string, from: string, registrationId: number, nowMs: number): BinaryNode {
  const t = seconds(nowMs);
  const registration = Buffer.alloc(4);
  registration.writeUInt32BE(registrationId);
  const content = [node('retry', { count: '1', id, t, v: '1' }), node('registration', {}, registration)];
  return node('receipt', { id, from, type: 'retry', t }, content);
}

/** The ids that a receipt is about. */
export function idsOf(stanza: BinaryNode): string[] {
  const items = childrenOf(childOf(stanza, 'list')).map(({ attrs }) => attrs['id']);
  return [stanza.attrs['id'], ...items].filter((id) => id !== undefined);
}

function seconds(ms: number): string {
  return String(Math.floor(ms / 1000));
}
