import { join } from 'node:path';
import type { Directory } from '../people/directory.ts';
import { readJsonFolder, writeJson } from '../people/json-file.ts';
import type { Device, Phone } from '../people/stored-state.ts';
import { jidOf } from '../people/stored-state.ts';
import { PhoneSignal, SIGNAL_SHAPE } from './phone-signal.ts';
import type { Bundle } from './signal-session.ts';

/** The encryption of every phone, one file each in `dataDir`: sessions with devices outlive a restart. */
export class SignalDesk {
  readonly #directory: Directory;
  readonly #folder: string;
  readonly #phones = new Map<string, PhoneSignal>();
  #lastWrite: Promise<void> = Promise.resolve();

  private constructor(dataDir: string, directory: Directory) {
    this.#directory = directory;
    this.#folder = join(dataDir, 'signal');
  }

  /** @throws StateCorruptedError naming the file that cannot be read */
  static async open(dataDir: string, directory: Directory): Promise<SignalDesk> {
    const desk = new SignalDesk(dataDir, directory);
    for (const stored of await readJsonFolder(desk.#folder, SIGNAL_SHAPE)) {
      const phone = directory.phone(stored.phoneNumber);
      if (phone) desk.#phones.set(phone.id, new PhoneSignal(phone.identity, stored));
    }
    return desk;
  }

  of(phone: Phone): PhoneSignal {
    const known = this.#phones.get(phone.id);
    if (known) return known;
    const created = new PhoneSignal(phone.identity);
    this.#phones.set(phone.id, created);
    return created;
  }

  /** Puts a phone's changes on disk; writes follow one another. */
  async save(phone: Phone): Promise<void> {
    const path = join(this.#folder, `${phone.id}.json`);
    const written = this.#lastWrite.then(() => writeJson(path, this.of(phone).store(phone.id)));
    // A failed write is its caller's error and must not fail those that follow.
    this.#lastWrite = written.catch(() => undefined);
    await written;
  }

  /** Keys for a new session with a phone. */
  async bundleOfPhone(phone: Phone): Promise<Bundle> {
    const bundle = this.of(phone).handOut();
    await this.save(phone);
    return bundle;
  }

  /** Keys for a new session with a linked device; takes one of its one-time prekeys while there are any. */
  async bundleOfDevice(device: Device): Promise<Bundle> {
    const preKey = await this.#directory.claimPreKey(jidOf(device));
    const { registrationId, identityKey, signedPreKey } = device;
    return { registrationId, identityKey, signedPreKey, preKey };
  }

  /** The device is gone: nobody keeps a session with it. */
  forget(device: Device): void {
    for (const phone of this.#phones.values()) phone.forget(jidOf(device));
  }
}
