import type { SimulatorInstruments } from '../instruments.ts';
import type { Chats, MessageView } from '../post/chats.ts';
import type { Content } from '../post/message-content.ts';
import type { AddressKind } from '../post/message-stanza.ts';
import type { Messenger } from '../post/messenger.ts';
import type { CodeRequests } from '../server/code-requests.ts';
import type { PairingDesk } from '../server/pairing-desk.ts';
import type { SessionRegistry } from '../server/session-registry.ts';
import type { Directory } from './directory.ts';
import { LinkDesk } from './link-desk.ts';
import { PhoneError } from './phone-error.ts';
import { jidOf, lidOf, type Device, type Phone } from './stored-state.ts';

export interface DeviceView {
  readonly jid: string;
  readonly lid: string;
  /** The id of its phone. */
  readonly phone: string;
  readonly device: number;
  readonly platform: string;
  /** ms since the epoch. */
  readonly linkedAt: number;
  readonly online: boolean;
}

export interface PhoneView {
  readonly id: string;
  readonly phoneNumber: string;
  readonly lid: string;
  readonly name: string;
  readonly business: boolean;
  readonly devices: readonly DeviceView[];
  /** A device that shows a code and waits until it is typed here. */
  readonly codeRequest?: { readonly platform: string; /** ms since the epoch. */ readonly expiresAt: number };
}

export interface PhoneDeskParts {
  readonly directory: Directory;
  readonly pairing: PairingDesk;
  readonly codes: CodeRequests;
  readonly sessions: SessionRegistry;
  readonly chats: Chats;
  readonly messenger: Messenger;
  readonly instruments: SimulatorInstruments;
}

export interface WriteRequest {
  /** The phone number. */
  readonly to: string;
  readonly content: Content;
  readonly kind?: AddressKind | undefined;
}

const MAX_TEXT_LENGTH = 4_096;

/** What the owners of the phones do: scan a QR, type a code, unlink a device, look at the list, pull the plug. */
export class PhoneDesk {
  readonly #parts: PhoneDeskParts;
  readonly #links: LinkDesk;

  constructor(parts: PhoneDeskParts) {
    this.#parts = parts;
    this.#links = new LinkDesk(parts);
  }

  list(): PhoneView[] {
    return this.#parts.directory.phones().map((phone) => this.view(phone));
  }

  view(phone: Phone): PhoneView {
    const { id, lid, name, business } = phone;
    const devices = this.#parts.directory.devicesOf(id).map((device) => this.#viewDevice(device));
    const request = this.#parts.codes.waitingFor(id);
    const asked = request && { codeRequest: { platform: request.hello.platform, expiresAt: request.expiresAt } };
    return { id, phoneNumber: id, lid, name, business, devices, ...asked };
  }

  devices(): DeviceView[] {
    return this.#parts.directory.devices().map((device) => this.#viewDevice(device));
  }

  /**
   * Links the companion that shows this QR. Resolves when the companion has signed, the device is stored, and the
   * companion was told to reconnect.
   * @throws PhoneError PHONE_UNKNOWN, and those of `LinkDesk.scan`
   */
  async scan(phoneId: string, qrText: string): Promise<DeviceView> {
    return this.#viewDevice(await this.#links.scan(this.#phone(phoneId), qrText));
  }

  /**
   * Types the code that a companion shows for this phone's number; resolves as `scan` does. A wrong code is noticed here
   * and not by the companion, and the next one may be right.
   * @throws PhoneError PHONE_UNKNOWN, and those of `LinkDesk.enterCode`
   */
  async enterCode(phoneId: string, code: string): Promise<DeviceView> {
    return this.#viewDevice(await this.#links.enterCode(this.#phone(phoneId), code));
  }

  /**
   * Removes one device of the phone, or all; a connected one is told so. Answers the JIDs removed.
   * @throws PhoneError PHONE_UNKNOWN, DEVICE_UNKNOWN
   */
  async unlink(phoneId: string, index?: number): Promise<string[]> {
    const { directory, sessions, instruments } = this.#parts;
    const all = directory.devicesOf(this.#phone(phoneId).id);
    const devices = index === undefined ? all : all.filter(({ device }) => device === index);
    if (index !== undefined && devices.length === 0) throw new PhoneError('DEVICE_UNKNOWN', 'no such device');
    for (const device of devices) {
      await directory.removeDevice(device);
      sessions.of(jidOf(device))?.endUnlinked();
      instruments.unlinked(device, 'phone');
    }
    return devices.map(jidOf);
  }

  /**
   * What the phone shows of its chats, oldest first.
   * @throws PhoneError PHONE_UNKNOWN
   */
  messages(phoneId: string): readonly MessageView[] {
    return this.#parts.chats.of(this.#phone(phoneId).id);
  }

  /**
   * Writes to another phone, or to its own account. The linked devices of both get it.
   * @throws PhoneError PHONE_UNKNOWN, MESSAGE_INVALID, MESSAGE_UNKNOWN
   */
  async write(phoneId: string, { to, content, kind }: WriteRequest): Promise<MessageView> {
    if ('text' in content && (content.text === '' || content.text.length > MAX_TEXT_LENGTH)) {
      throw new PhoneError('MESSAGE_INVALID', `a text has 1 to ${MAX_TEXT_LENGTH} characters`);
    }
    return this.#parts.messenger.send(this.#phone(phoneId), { to: this.#phone(to), content, kind });
  }

  /** @throws PhoneError PHONE_UNKNOWN, MESSAGE_UNKNOWN */
  markRead(phoneId: string, messageId: string): MessageView {
    return this.#parts.messenger.markRead(this.#phone(phoneId), messageId);
  }

  /**
   * Ends a device's connection: `close` ends the stream in order, `cut` drops the line without a word.
   * @throws PhoneError DEVICE_UNKNOWN, DEVICE_OFFLINE
   */
  disconnect(jid: string, how: 'close' | 'cut'): void {
    if (!this.#parts.directory.device(jid)) throw new PhoneError('DEVICE_UNKNOWN', 'no such device');
    const session = this.#parts.sessions.of(jid);
    if (!session) throw new PhoneError('DEVICE_OFFLINE', 'the device is not connected');
    if (how === 'close') session.endStream();
    else session.cut();
  }

  #phone(id: string): Phone {
    const phone = this.#parts.directory.phone(id);
    if (!phone) throw new PhoneError('PHONE_UNKNOWN', 'no such phone');
    return phone;
  }

  #viewDevice(device: Device): DeviceView {
    const jid = jidOf(device);
    const { device: index, platform, linkedAt, phoneNumber } = device;
    const lid = lidOf(this.#phone(phoneNumber), index);
    return { jid, lid, phone: phoneNumber, device: index, platform, linkedAt, online: this.#parts.sessions.has(jid) };
  }
}
