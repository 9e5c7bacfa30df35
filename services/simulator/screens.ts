import { decodeEvent, stateOf } from '../../shared/contract/decode-event.ts';
import type { SessionEvent } from '../../shared/contract/events.ts';
import { comparePositions, positionOf } from '../../shared/contract/position.ts';
import { companyIdOfEventsSubject } from '../../shared/contract/subjects.ts';
import { PhoneError } from './people/phone-error.ts';
import { parseQrText } from './people/qr-text.ts';
import type { Companies, ConnectionFacts } from './scenario-desk.ts';

/** What a salon's page shows: a QR, or a code for the phone with that number. */
export interface Screen {
  readonly companyId: string;
  /** The text of the QR. */
  readonly qr?: string;
  readonly code?: { readonly text: string; readonly phoneNumber: string };
  /** ms since the epoch. */
  readonly expiresAt: number;
}

interface Company {
  readonly event: SessionEvent;
  /** The keys of the clients that it showed QRs of, the latest last. */
  readonly noiseKeys: readonly string[];
}

/** The one that changed longest ago is forgotten first. */
const MAX_COMPANIES = 10_000;
/** A company shows the QRs of one client at a time; an earlier client's connection may still be ending. */
const MAX_NOISE_KEYS = 4;

/**
 * What can be seen of the salons from outside, through their events: the QR or code that each shows until it expires, and
 * which connections and phones are whose.
 */
export class Screens implements Companies {
  readonly #companies = new Map<string, Company>();
  readonly #now: () => number;
  readonly #onNews: () => void;

  /** `now` answers ms since the epoch; `onNews` is called when something was learned of whose connections are. */
  constructor(now: () => number, onNews: () => void = () => undefined) {
    this.#now = now;
    this.#onNews = onNews;
  }

  /** Newest last. */
  current(): Screen[] {
    return [...this.#companies.values()]
      .flatMap(({ event }) => toScreen(event) ?? [])
      .filter((screen) => this.#isOn(screen));
  }

  /**
   * A linked device whose QR was not seen here is that of the one company without a seen QR which says that it is linked to
   * the phone: every other company that says so is known by a QR of its own. Of several it is nobody's.
   */
  companiesOf({ purpose, noiseKey, phone }: ConnectionFacts): readonly string[] {
    const key = noiseKey?.toString('base64');
    const byKey = [...this.#companies].filter(([, { noiseKeys }]) => key !== undefined && noiseKeys.includes(key));
    if (byKey.length > 0) return byKey.map(([companyId]) => companyId);
    if (purpose === 'linking' || phone === undefined) return [];
    const byPhone = this.#knownByPhoneAlone(phone);
    return byPhone.length === 1 ? byPhone : [];
  }

  /** The companies that the connections of this one cannot be told from. */
  rivalsOf(companyId: string): readonly string[] {
    const company = this.#companies.get(companyId);
    const phone = company && linkedPhoneOf(company.event);
    const alike = phone === undefined ? [] : this.#knownByPhoneAlone(phone);
    return alike.includes(companyId) ? alike.filter((other) => other !== companyId) : [];
  }

  /** Takes any message of the events subjects; what is no session event, or older than what was seen, changes nothing. */
  see(subject: string, body: Uint8Array): void {
    const companyId = companyIdOfEventsSubject(subject);
    if (!companyId) return;
    const decoded = decodeEvent(companyId, body);
    if (!decoded.ok) return;
    const known = this.#companies.get(companyId);
    if (known && isOlder(decoded.event, known.event)) return;
    this.#companies.delete(companyId);
    this.#companies.set(companyId, {
      event: decoded.event,
      noiseKeys: toKeys(decoded.event, known?.noiseKeys ?? []),
    });
    const [oldest] = this.#companies.keys();
    if (oldest !== undefined && this.#companies.size > MAX_COMPANIES) this.#companies.delete(oldest);
    this.#onNews();
  }

  #knownByPhoneAlone(phone: string): string[] {
    return [...this.#companies]
      .filter(([, { event, noiseKeys }]) => noiseKeys.length === 0 && linkedPhoneOf(event) === phone)
      .map(([companyId]) => companyId);
  }

  #isOn({ expiresAt }: Screen): boolean {
    return expiresAt > this.#now();
  }
}

/** Every event carries the whole state: without a QR or code in it the screen shows none. */
function toScreen({ companyId, qr, code }: SessionEvent): Screen | undefined {
  if (code) {
    const { text, phoneNumber, expiresAt } = code;
    return { companyId, code: { text, phoneNumber }, expiresAt };
  }
  return qr && { companyId, qr: qr.text, expiresAt: qr.expiresAt };
}

function isOlder(event: SessionEvent, than: SessionEvent): boolean {
  const [position, known] = [positionOf(event), positionOf(than)];
  return position !== undefined && known !== undefined && comparePositions(position, known) < 0;
}

/** After an end without return the device is gone from the phone. */
function linkedPhoneOf(event: SessionEvent): string | undefined {
  const state = stateOf(event);
  return state === 'logged-out' || state === 'failed' ? undefined : event.phoneNumber;
}

function toKeys({ qr, code }: SessionEvent, keys: readonly string[]): readonly string[] {
  // Who links by code is another client than the one that showed QRs before.
  if (code) return [];
  const key = qr && noiseKeyOf(qr.text);
  if (key === undefined || keys.includes(key)) return keys;
  return [...keys, key].slice(-MAX_NOISE_KEYS);
}

function noiseKeyOf(qrText: string): string | undefined {
  try {
    return parseQrText(qrText).noiseKey.toString('base64');
  } catch (error) {
    // An event published by hand may show any text.
    if (error instanceof PhoneError) return undefined;
    throw error;
  }
}
