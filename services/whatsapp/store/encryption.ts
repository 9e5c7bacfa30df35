import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { ConfigError } from '../../../shared/config/config-faults.ts';
import type { CompanyId } from '../../../shared/contract/company-id.ts';
import { CredentialsUnreadableError } from './errors.ts';

export const KEY_BYTES = 32;

const FORMAT = 1;
const KEY_ID_BYTES = 8;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = 1 + KEY_ID_BYTES;
const MIN_BYTES = HEADER_BYTES + NONCE_BYTES + TAG_BYTES;

/** The place that a value belongs to: a ciphertext opens only there. */
export interface ValueAddress {
  readonly table: 'whatsapp_auth' | 'whatsapp_keys';
  readonly companyId: CompanyId;
  /** Empty in `whatsapp_auth`, which has one value a company. */
  readonly type: string;
  readonly id: string;
}

export function credsAddress(companyId: CompanyId): ValueAddress {
  return { table: 'whatsapp_auth', companyId, type: '', id: '' };
}

export function keyAddress(companyId: CompanyId, type: string, id: string): ValueAddress {
  return { table: 'whatsapp_keys', companyId, type, id };
}

export interface KeyringKeys {
  /** 32 bytes: everything is written with it. */
  readonly current: Uint8Array;
  /** 32 bytes: still read, never written, while a rotation is under way. */
  readonly previous?: Uint8Array | undefined;
}

/**
 * Encrypts stored values with AES-256-GCM and opens what it, or the key before, encrypted.
 *
 * Format 1: version (1 byte), key id (8), nonce (12), tag (16), ciphertext. The first two and the address are
 * authenticated with it. Each company has a key derived from the keyring's, so that random nonces stay far below the
 * 2^32 uses of one key that NIST SP 800-38D (8.3) allows, however many companies write.
 */
export class Keyring {
  readonly #current: MasterKey;
  readonly #byId: ReadonlyMap<string, MasterKey>;

  /** @throws ConfigError when a key is not 32 bytes long. */
  constructor({ current, previous }: KeyringKeys) {
    this.#current = new MasterKey(current, 'the credentials key');
    const keys = previous ? [new MasterKey(previous, 'the previous credentials key'), this.#current] : [this.#current];
    this.#byId = new Map(keys.map((key) => [key.id.toString('hex'), key]));
  }

  /** What everything that the current key encrypts begins with, and nothing else does. */
  get currentHeader(): Buffer {
    return Buffer.concat([Buffer.of(FORMAT), this.#current.id]);
  }

  encrypt(text: string, address: ValueAddress): Buffer {
    const header = this.currentHeader;
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#current.forCompany(address.companyId), nonce);
    cipher.setAAD(toAad(header, address));
    const ciphertext = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return Buffer.concat([header, nonce, cipher.getAuthTag(), ciphertext]);
  }

  /** @throws CredentialsUnreadableError when the bytes were not written by a key of this ring for exactly this address. */
  decrypt(stored: Uint8Array, address: ValueAddress): string {
    const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
    if (bytes[0] !== FORMAT) throw new CredentialsUnreadableError(address.companyId, 'unknown-format');
    if (bytes.length < MIN_BYTES) throw new CredentialsUnreadableError(address.companyId, 'corrupted');
    const header = bytes.subarray(0, HEADER_BYTES);
    const key = this.#byId.get(header.toString('hex', 1));
    if (!key) throw new CredentialsUnreadableError(address.companyId, 'unknown-key');
    const nonce = bytes.subarray(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES);
    const decipher = createDecipheriv('aes-256-gcm', key.forCompany(address.companyId), nonce, {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(toAad(header, address));
    decipher.setAuthTag(bytes.subarray(HEADER_BYTES + NONCE_BYTES, MIN_BYTES));
    try {
      return Buffer.concat([decipher.update(bytes.subarray(MIN_BYTES)), decipher.final()]).toString('utf8');
    } catch (cause) {
      throw new CredentialsUnreadableError(address.companyId, 'corrupted', { cause });
    }
  }
}

class MasterKey {
  /** Tells keys apart without saying anything about them. */
  readonly id: Buffer;
  readonly #bytes: Uint8Array;
  /** Only the last: statements come in batches of one company. */
  #derived: { readonly companyId: CompanyId; readonly key: Buffer } | undefined;

  constructor(bytes: Uint8Array, name: string) {
    if (bytes.length !== KEY_BYTES) {
      throw new ConfigError([`${name} must be ${KEY_BYTES} bytes long, got ${bytes.length}`]);
    }
    this.#bytes = Uint8Array.from(bytes);
    this.id = this.#derive('key id').subarray(0, KEY_ID_BYTES);
  }

  forCompany(companyId: CompanyId): Buffer {
    if (this.#derived?.companyId !== companyId) {
      this.#derived = { companyId, key: this.#derive(`company ${companyId}`) };
    }
    return this.#derived.key;
  }

  #derive(purpose: string): Buffer {
    return createHmac('sha256', this.#bytes).update(`whatsapp credentials v${FORMAT}: ${purpose}`).digest();
  }
}

/** JSON keeps the fields apart: no two addresses give the same bytes. */
function toAad(header: Buffer, { table, companyId, type, id }: ValueAddress): Buffer {
  return Buffer.concat([header, Buffer.from(JSON.stringify([table, companyId, type, id]))]);
}
