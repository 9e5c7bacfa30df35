import { join } from 'node:path';
import { generateKeyPair, toKeyPair, type KeyPair } from '../protocol/x25519.ts';
import type { Address } from './address.ts';
import { StateCorruptedError, readJson, readJsonFolder, removeJson, writeJson } from './json-file.ts';
import { PhoneError } from './phone-error.ts';
import { PreKeys, type PreKey } from './prekeys.ts';
import {
  DEVICE_SHAPE,
  PHONE_SHAPE,
  ROOT_KEY_SHAPE,
  fromStoredDevice,
  fromStoredPhone,
  jidOf,
  toStoredDevice,
  toStoredPhone,
  type Device,
  type Phone,
} from './stored-state.ts';

/** What a new phone is; anything left out is chosen. */
export interface PhoneRequest {
  readonly phoneNumber?: string | undefined;
  readonly name?: string | undefined;
  readonly lid?: string | undefined;
  readonly business?: boolean | undefined;
}

/** What changes about a linked device: the keys that it uploads, and what it was told. */
export type DeviceChange = Pick<Device, 'registrationId' | 'signedPreKey' | 'preKeys' | 'introduced'>;

const FIRST_NUMBER = 79_990_000_001;
const FIRST_LID = 100_000_000_000_001;

/**
 * Who exists: the root key, the phones and their linked devices, one file each in `dataDir`. A change is on disk before
 * its promise resolves, so that a restart restores exactly what clients were told.
 */
export class Directory {
  readonly rootKey: KeyPair;
  readonly #dataDir: string;
  readonly #phones = new Map<string, Phone>();
  readonly #devices = new Map<string, Device>();
  #lastWrite: Promise<void> = Promise.resolve();
  #onRemoved: (device: Device) => void = () => undefined;

  private constructor(dataDir: string, rootKey: KeyPair) {
    this.#dataDir = dataDir;
    this.rootKey = rootKey;
  }

  /**
   * Reads what an earlier run left; `defaultPhones` are made when there is no phone.
   * @throws StateCorruptedError naming the file that cannot be read
   */
  static async open(dataDir: string, defaultPhones: readonly PhoneRequest[]): Promise<Directory> {
    const directory = new Directory(dataDir, await readRootKey(join(dataDir, 'root-key.json')));
    for (const stored of await readJsonFolder(join(dataDir, 'phones'), PHONE_SHAPE)) {
      directory.#phones.set(stored.phoneNumber, fromStoredPhone(stored));
    }
    for (const stored of await readJsonFolder(join(dataDir, 'devices'), DEVICE_SHAPE)) {
      const device = fromStoredDevice(stored);
      if (!directory.#phones.has(device.phoneNumber)) {
        throw new StateCorruptedError(directory.#devicePath(device), 'belongs to a phone that does not exist');
      }
      directory.#devices.set(jidOf(device), device);
    }
    if (directory.#phones.size === 0) {
      for (const request of defaultPhones) await directory.addPhone(request);
    }
    return directory;
  }

  phones(): readonly Phone[] {
    return [...this.#phones.values()];
  }

  phone(id: string): Phone | undefined {
    return this.#phones.get(id);
  }

  phoneOfLid(lid: string): Phone | undefined {
    return this.phones().find((phone) => phone.lid === lid);
  }

  /** The phone behind an address, by number or LID, whatever the device. */
  phoneOf({ user, server }: Address): Phone | undefined {
    return server === 'lid' ? this.phoneOfLid(user) : this.phone(user);
  }

  /** The linked device behind an address. */
  deviceOf(address: Address): Device | undefined {
    const phone = this.phoneOf(address);
    return phone && this.device(jidOf({ phoneNumber: phone.id, device: address.device }));
  }

  /** The one listener of devices that are removed. */
  watchRemovals(onRemoved: (device: Device) => void): void {
    this.#onRemoved = onRemoved;
  }

  devices(): readonly Device[] {
    return [...this.#devices.values()];
  }

  devicesOf(phoneId: string): readonly Device[] {
    return this.devices().filter(({ phoneNumber }) => phoneNumber === phoneId);
  }

  device(jid: string): Device | undefined {
    return this.#devices.get(jid);
  }

  /** @throws PhoneError PHONE_INVALID, PHONE_EXISTS */
  async addPhone(request: PhoneRequest): Promise<Phone> {
    const id = request.phoneNumber ?? firstFree(FIRST_NUMBER, (number) => this.#phones.has(number));
    const lid = request.lid ?? firstFree(FIRST_LID, (candidate) => this.phoneOfLid(candidate) !== undefined);
    if (!/^[1-9][0-9]{9,14}$/.test(id)) throw new PhoneError('PHONE_INVALID', 'phoneNumber must be 10 to 15 digits');
    if (!/^[1-9][0-9]{9,14}$/.test(lid)) throw new PhoneError('PHONE_INVALID', 'lid must be 10 to 15 digits');
    const name = request.name ?? `Salon ${id.slice(-2)}`;
    if (name === '' || name.length > 100) throw new PhoneError('PHONE_INVALID', 'name must be 1 to 100 characters');
    if (this.#phones.has(id)) throw new PhoneError('PHONE_EXISTS', 'a phone with this number exists');
    if (this.phoneOfLid(lid)) throw new PhoneError('PHONE_EXISTS', 'a phone with this lid exists');
    const phone = { id, lid, name, business: request.business ?? true, identity: generateKeyPair(), lastDevice: 0 };
    return this.#savePhone(phone);
  }

  /** The index of the phone's next device. It is spent even when the link fails. */
  async nextDevice(phone: Phone): Promise<number> {
    const current = this.#phones.get(phone.id) ?? phone;
    const saved = await this.#savePhone({ ...current, lastDevice: current.lastDevice + 1 });
    return saved.lastDevice;
  }

  /** Adds a linked device. */
  async addDevice(device: Device): Promise<void> {
    this.#devices.set(jidOf(device), device);
    await this.#write(() => writeJson(this.#devicePath(device), toStoredDevice(device)));
  }

  /** Changes a device; one that was unlinked meanwhile stays unlinked. */
  async updateDevice(jid: string, keys: Partial<DeviceChange>): Promise<void> {
    const current = this.#devices.get(jid);
    if (current) await this.addDevice({ ...current, ...keys });
  }

  /** Takes one prekey of the device for somebody's new session with it; `undefined` when none is left. */
  async claimPreKey(jid: string): Promise<PreKey | undefined> {
    const preKeys = this.#devices.get(jid)?.preKeys ?? PreKeys.none;
    const claimed = preKeys.first;
    if (claimed) await this.updateDevice(jid, { preKeys: preKeys.rest });
    return claimed;
  }

  /** From now on the device cannot log in. */
  async removeDevice(device: Device): Promise<void> {
    if (this.#devices.delete(jidOf(device))) this.#onRemoved(device);
    await this.#write(() => removeJson(this.#devicePath(device)));
  }

  async #savePhone(phone: Phone): Promise<Phone> {
    this.#phones.set(phone.id, phone);
    await this.#write(() => writeJson(join(this.#dataDir, 'phones', `${phone.id}.json`), toStoredPhone(phone)));
    return phone;
  }

  /** One write at a time, in the order of the changes, so that the files end up as the memory is. */
  async #write(work: () => Promise<void>): Promise<void> {
    const written = this.#lastWrite.then(work);
    // A failed write is its caller's error and must not fail those that follow.
    this.#lastWrite = written.catch(() => undefined);
    await written;
  }

  #devicePath({ phoneNumber, device }: Device): string {
    return join(this.#dataDir, 'devices', `${phoneNumber}-${device}.json`);
  }
}

async function readRootKey(path: string): Promise<KeyPair> {
  const stored = await readJson(path, ROOT_KEY_SHAPE);
  if (stored) return toKeyPair(Buffer.from(stored.privateKey, 'base64'));
  const created = generateKeyPair();
  await writeJson(path, { privateKey: created.privateKey.toString('base64') });
  return created;
}

function firstFree(first: number, isTaken: (candidate: string) => boolean): string {
  let candidate = first;
  while (isTaken(String(candidate))) candidate += 1;
  return String(candidate);
}
