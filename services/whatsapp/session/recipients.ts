import { formatAddress, phoneNumberOf, type Address } from './address.ts';

/** Nobody has the number on WhatsApp: a text to it would go nowhere, without a word. */
export class NotOnWhatsAppError extends Error {
  readonly code = 'NOT_ON_WHATSAPP';

  constructor() {
    super('nobody has this phone number on WhatsApp');
    this.name = 'NotOnWhatsAppError';
  }

  shouldRetry(): boolean {
    return false;
  }
}

export interface RecipientsOptions {
  /** Asks WhatsApp for the account of a number: its address, which may be spelt differently, or none. */
  readonly lookUp: (phoneNumber: string) => Promise<Address | 'nobody'>;
  /** Monotonic, in ms. */
  readonly now?: () => number;
}

/** A busy salon's customers of a few weeks. The one asked for longest ago is forgotten first. */
const MAX_KNOWN = 1_000;
/** People give numbers up now and then. */
const KNOWN_FOR_MS = 24 * 3_600_000;

/** Whom a session writes to. That a number has an account is remembered; that it has none is asked again. */
export class Recipients {
  readonly #lookUp: RecipientsOptions['lookUp'];
  readonly #now: () => number;
  readonly #known = new Map<string, { readonly address: Address; readonly untilMs: number }>();

  constructor({ lookUp, now = () => performance.now() }: RecipientsOptions) {
    this.#lookUp = lookUp;
    this.#now = now;
  }

  /**
   * Where to send a text for this address; a LID is taken as it is, because WhatsApp gives it to accounts alone.
   * @throws NotOnWhatsAppError, or what the look-up rejects with.
   */
  async find(to: Address): Promise<Address> {
    const phoneNumber = phoneNumberOf(to);
    if (phoneNumber === undefined) return to;
    const key = formatAddress(to);
    const known = this.#known.get(key);
    if (known && known.untilMs > this.#now()) return known.address;
    this.#known.delete(key);
    const address = await this.#lookUp(phoneNumber);
    if (address === 'nobody') throw new NotOnWhatsAppError();
    this.#known.set(key, { address, untilMs: this.#now() + KNOWN_FOR_MS });
    const [oldest] = this.#known.keys();
    if (oldest !== undefined && this.#known.size > MAX_KNOWN) this.#known.delete(oldest);
    return address;
  }
}
