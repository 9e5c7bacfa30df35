import { decodeEvent } from '../../shared/contract/decode-event.ts';
import { companyIdOfEventsSubject } from '../../shared/contract/subjects.ts';

/** A QR that a salon's page shows. */
export interface Screen {
  readonly companyId: string;
  /** The text of the QR. */
  readonly qr: string;
  /** ms since the epoch. */
  readonly expiresAt: number;
}

/** The one that changed longest ago is forgotten first. */
const MAX_SCREENS = 1000;

/** What a phone's owner sees when looking at the salons' screens: the last QR of each company until it expires. */
export class Screens {
  readonly #screens = new Map<string, Screen>();
  readonly #now: () => number;

  /** `now` answers ms since the epoch. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Newest last. */
  current(): Screen[] {
    return [...this.#screens.values()].filter(({ expiresAt }) => expiresAt > this.#now());
  }

  /** Takes any message of the events subjects; what is no session event changes nothing. */
  see(subject: string, body: Uint8Array): void {
    const companyId = companyIdOfEventsSubject(subject);
    if (!companyId) return;
    const decoded = decodeEvent(companyId, body);
    if (!decoded.ok) return;
    // Every event carries the whole state: without a QR in it the screen shows none.
    this.#screens.delete(companyId);
    const { qr } = decoded.event;
    if (!qr) return;
    this.#screens.set(companyId, { companyId, qr: qr.text, expiresAt: qr.expiresAt });
    const [oldest] = this.#screens.keys();
    if (oldest !== undefined && this.#screens.size > MAX_SCREENS) this.#screens.delete(oldest);
  }
}
