import { randomBytes } from 'node:crypto';
import type { proto } from '@whiskeysockets/baileys';
import type { SimulatorInstruments } from '../instruments.ts';
import { parseAddress, type Address } from '../people/address.ts';
import type { Directory } from '../people/directory.ts';
import { PhoneError } from '../people/phone-error.ts';
import { jidOf, lidOf, type Device, type Phone } from '../people/stored-state.ts';
import { node, type BinaryNode } from '../protocol/node.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { SignalDesk } from '../signal/signal-desk.ts';
import type { Chats, MessageView } from './chats.ts';
import { pad, readContent, toMessage, toNamesMessage, toSentCopy, unpad, type Content } from './message-content.ts';
import {
  addressOf,
  copiesOf,
  idsOf,
  receipt,
  retryReceipt,
  toOwnDevice,
  toPeer,
  toRecipient,
  type AddressKind,
  type Copy,
  type Envelope,
} from './message-stanza.ts';
import type { PostOffice } from './post-office.ts';
import { Recent } from './recent.ts';

export interface MessengerParts {
  readonly directory: Directory;
  readonly signals: SignalDesk;
  readonly post: PostOffice;
  readonly chats: Chats;
  readonly instruments: SimulatorInstruments;
  /** ms since the epoch. */
  readonly now: () => number;
}

export interface SendRequest {
  readonly to: Phone;
  readonly content: Content;
  /** Which address of the accounts the message names. Default `lid`. */
  readonly kind?: AddressKind | undefined;
}

interface Letter extends Envelope {
  readonly message: proto.IMessage;
  /** For the sender's own devices alone, and not shown. */
  readonly isPeer: boolean;
}

/** A message that came from a device: where its receipts go. */
interface Arrival {
  readonly sender: string;
  /** How the message named its recipient. */
  readonly recipient: string;
}

const MAX_REMEMBERED = 1_000;
const MAX_RETRIES = 3;
/** Whose names a new device is told. */
const MAX_CONTACTS = 20;

/** The phones' messages: what people write to each other, and what companions send and are sent, end-to-end encrypted. */
export class Messenger {
  readonly #parts: MessengerParts;
  readonly #letters = new Recent<Letter>(MAX_REMEMBERED);
  readonly #arrivals = new Recent<Arrival>(MAX_REMEMBERED);

  constructor(parts: MessengerParts) {
    this.#parts = parts;
  }

  /**
   * Somebody writes on a phone: the linked devices of both sides get it, now or when they are back.
   * @throws PhoneError MESSAGE_UNKNOWN for a reaction on a message that the phone does not show
   */
  async send(from: Phone, { to, content, kind = 'lid' }: SendRequest): Promise<MessageView> {
    const { chats, now } = this.#parts;
    const letter = this.#write(from, to, {
      kind,
      type: 'text' in content ? 'text' : 'reaction',
      message: toMessage(content, this.#reactedTo(from, to, { content, kind })),
    });
    const own: MessageView = { ...content, id: letter.id, direction: 'out', peer: to.id, at: now(), status: 'sent' };
    chats.add(from.id, own);
    if (from.id !== to.id) chats.add(to.id, { ...content, id: letter.id, direction: 'in', peer: from.id, at: now() });
    await this.#deliver(letter, [...this.#devicesOf(from), ...(from.id === to.id ? [] : this.#devicesOf(to))]);
    return own;
  }

  /** Texts of one contact to one device; they wait while it is away. */
  async fillBacklog(device: Device, count: number): Promise<void> {
    const { directory } = this.#parts;
    const to = directory.phone(device.phoneNumber);
    const from = directory.phones().find(({ id }) => id !== device.phoneNumber);
    if (!to || !from) return;
    for (let index = 1; index <= count; index += 1) {
      const message = { conversation: `Message ${index} of ${count}` };
      await this.#deliver(this.#write(from, to, { kind: 'lid', type: 'text', message }), [device]);
    }
  }

  /** What a phone tells its new device first: who its owner and the contacts are. */
  async introduce(device: Device): Promise<void> {
    const { directory } = this.#parts;
    const phone = directory.phone(device.phoneNumber);
    if (!phone) return;
    const contacts = [phone, ...directory.phones().slice(0, MAX_CONTACTS)];
    const names = contacts.map((contact) => ({ jid: addressOf(contact, 'lid'), name: contact.name }));
    const letter = this.#write(phone, phone, {
      kind: 'lid',
      type: 'text',
      message: toNamesMessage(names),
      isPeer: true,
    });
    await this.#deliver(letter, [device]);
  }

  /** Takes a message of a linked device to the phones and devices that it has copies for. */
  async accept(sender: Device, stanza: BinaryNode): Promise<void> {
    for (const copy of copiesOf(stanza)) {
      const address = parseAddress(copy.jid);
      const phone = address && this.#parts.directory.phoneOf(address);
      if (!phone) continue;
      if (address.device === 0) await this.#read(phone, { sender, stanza, copy });
      else this.#forward(sender, address, { stanza, copy });
    }
  }

  /** A device says that it has messages, has read them, or cannot read one. */
  async takeReceipt(device: Device, stanza: BinaryNode): Promise<void> {
    const { chats, post, directory } = this.#parts;
    const { type, to = '' } = stanza.attrs;
    const ids = idsOf(stanza);
    for (const id of ids) post.settle(jidOf(device), id);
    if (type === 'retry') return this.#resend(device, ids[0] ?? '', retriesOf(stanza));
    const address = parseAddress(to);
    const writer = address && directory.phoneOf(address);
    if (!writer || writer.id === device.phoneNumber) return;
    for (const id of ids) chats.setStatus(writer.id, id, type === 'read' ? 'read' : 'delivered');
  }

  /**
   * The owner of the phone looks at a message: the device that sent it gets a read receipt.
   * @throws PhoneError MESSAGE_UNKNOWN
   */
  markRead(phone: Phone, messageId: string): MessageView {
    const { chats, post, now } = this.#parts;
    const message = chats.find(phone.id, messageId);
    if (message?.direction !== 'in') throw new PhoneError('MESSAGE_UNKNOWN', 'the phone shows no such message');
    chats.setStatus(message.peer, messageId, 'read');
    const arrival = this.#arrivals.get(messageId);
    if (arrival) post.deliver(arrival.sender, receipt(messageId, arrival.recipient, 'read', now()));
    return message;
  }

  #write(from: Phone, to: Phone, what: Pick<Letter, 'kind' | 'type' | 'message'> & { isPeer?: boolean }): Letter {
    const id = `3A${randomBytes(9).toString('hex').toUpperCase()}`;
    const letter = { id, from, to, at: this.#parts.now(), isPeer: false, ...what };
    this.#letters.set(id, letter);
    return letter;
  }

  async #deliver(letter: Letter, devices: readonly Device[]): Promise<void> {
    const { signals, post } = this.#parts;
    const { from, message, isPeer } = letter;
    for (const device of devices) {
      const isOwn = device.phoneNumber === from.id;
      const content = isOwn && !isPeer ? toSentCopy(message, addressOf(letter.to, letter.kind)) : message;
      const bundleOf = () => signals.bundleOfDevice(device);
      const sealed = await signals.of(from).encrypt(jidOf(device), pad(content), bundleOf);
      const seal = isPeer ? toPeer : isOwn ? toOwnDevice : toRecipient;
      post.deliver(jidOf(device), seal(letter, sealed));
    }
    await signals.save(from);
  }

  async #resend(device: Device, id: string, retries: number): Promise<void> {
    const letter = this.#letters.get(id);
    if (!letter || retries > MAX_RETRIES) return;
    this.#parts.signals.of(letter.from).forget(jidOf(device));
    await this.#deliver(letter, [device]);
  }

  async #read(
    phone: Phone,
    { sender, stanza, copy }: { readonly sender: Device; readonly stanza: BinaryNode; readonly copy: Copy },
  ): Promise<void> {
    const { signals, post, now } = this.#parts;
    const { id = '' } = stanza.attrs;
    const isOwn = phone.id === sender.phoneNumber;
    const signal = signals.of(phone);
    try {
      const padded = signal.decrypt(jidOf(sender), sender.identityKey, copy.sealed);
      this.#show(phone, sender, { id, message: unpad(padded) });
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#parts.instruments.messageUnreadable(sender, error);
      post.deliver(jidOf(sender), retryReceipt(id, copy.jid, signal.registrationId, now()));
      return;
    }
    await signals.save(phone);
    if (isOwn) return;
    this.#arrivals.set(id, { sender: jidOf(sender), recipient: copy.jid });
    post.deliver(jidOf(sender), receipt(id, copy.jid, undefined, now()));
  }

  /** Protocol messages, media and the like are read and not shown. */
  #show(
    phone: Phone,
    sender: Device,
    { id, message }: { readonly id: string; readonly message: proto.IMessage },
  ): void {
    const { chats, directory, now } = this.#parts;
    const read = readContent(message);
    if (!read) return;
    if (phone.id !== sender.phoneNumber) {
      chats.add(phone.id, { ...read.content, id, direction: 'in', peer: sender.phoneNumber, at: now() });
      chats.setStatus(sender.phoneNumber, id, 'delivered');
      return;
    }
    const address = parseAddress(read.sentTo ?? '');
    const peer = (address && directory.phoneOf(address)?.id) ?? address?.user;
    if (peer !== undefined)
      chats.add(phone.id, { ...read.content, id, direction: 'out', peer, at: now(), status: 'sent' });
  }

  /** From one companion to another, unread. */
  #forward(sender: Device, address: Address, { stanza, copy }: { stanza: BinaryNode; copy: Copy }): void {
    const { directory, post, now } = this.#parts;
    const [target, from] = [directory.deviceOf(address), directory.phone(sender.phoneNumber)];
    if (!target || !from) return;
    const { id = '', to = '', type = 'text' } = stanza.attrs;
    const isLid = address.server === 'lid';
    const own = target.phoneNumber === sender.phoneNumber;
    const attrs = {
      id,
      type,
      from: isLid ? lidOf(from, sender.device) : jidOf(sender),
      t: String(Math.floor(now() / 1000)),
      notify: from.name,
      addressing_mode: isLid ? 'lid' : 'pn',
      ...(own ? { recipient: to } : isLid ? { sender_pn: jidOf(sender) } : { sender_lid: lidOf(from, sender.device) }),
    };
    const { type: encType, bytes } = copy.sealed;
    post.deliver(jidOf(target), node('message', attrs, [node('enc', { v: '2', type: encType }, bytes)]));
  }

  #devicesOf(phone: Phone): readonly Device[] {
    return this.#parts.directory.devicesOf(phone.id);
  }

  #reactedTo(from: Phone, to: Phone, { content, kind }: { content: Content; kind: AddressKind }) {
    const remoteJid = addressOf(to, kind);
    if (!('reaction' in content)) return { remoteJid, fromMe: false };
    const message = this.#parts.chats.find(from.id, content.reaction.messageId);
    if (!message) throw new PhoneError('MESSAGE_UNKNOWN', 'the phone shows no such message');
    return { remoteJid, fromMe: message.direction === 'out' };
  }
}

function retriesOf(stanza: BinaryNode): number {
  const { content } = stanza;
  const retry = Array.isArray(content) ? content.find(({ tag }) => tag === 'retry') : undefined;
  return Number(retry?.attrs['count'] ?? 1);
}
