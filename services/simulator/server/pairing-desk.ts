import { PhoneError } from '../people/phone-error.ts';
import type { QrText } from '../people/qr-text.ts';
import type { Registration } from './registration.ts';

interface RefEntry {
  readonly registration: Registration;
  /** ms since the epoch. */
  readonly expiresAt: number;
}

/** Remembered after their end too, so that a late scan is told that it is late. The oldest are forgotten first. */
const MAX_REFS = 10_000;

/** Who waits for a scan: every ref that was handed to a client, until it ends. */
export class PairingDesk {
  readonly #refs = new Map<string, RefEntry>();
  readonly #now: () => number;

  /** `now` answers ms since the epoch. */
  constructor(now: () => number) {
    this.#now = now;
  }

  add(registration: Registration): void {
    for (const { ref, expiresAt } of registration.refs) {
      this.#refs.set(ref, { registration, expiresAt });
    }
    for (const ref of this.#refs.keys()) {
      if (this.#refs.size <= MAX_REFS) break;
      this.#refs.delete(ref);
    }
  }

  /**
   * The client that shows this QR.
   * @throws PhoneError QR_UNKNOWN, QR_USED, QR_EXPIRED, QR_MISMATCH
   */
  find(qr: QrText): Registration {
    const entry = this.#refs.get(qr.ref);
    if (!entry) throw new PhoneError('QR_UNKNOWN', 'nobody shows this QR');
    const { registration } = entry;
    if (registration.state === 'taken') throw new PhoneError('QR_USED', 'this QR was scanned before');
    if (registration.state === 'ended' || entry.expiresAt <= this.#now()) {
      throw new PhoneError('QR_EXPIRED', 'this QR is no longer valid');
    }
    if (!registration.noiseKey.equals(qr.noiseKey) || !registration.client.identityKey.equals(qr.identityKey)) {
      throw new PhoneError('QR_MISMATCH', 'the keys of this QR are not those of the client that got its ref');
    }
    return registration;
  }
}
