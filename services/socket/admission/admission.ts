const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

export interface AdmissionOptions {
  /** First-time and refused handshakes that one address may make in any minute. */
  readonly perMinute: number;
  /** Monotonic, in ms. */
  readonly now: () => number;
  /** Addresses and tokens remembered; beyond it the longest unused one is forgotten. */
  readonly maxRemembered?: number;
  /** For how long after the start everybody with a valid token counts as known, in ms: who was here before is forgotten. */
  readonly graceMs?: number;
}

/** Who turned out to be behind a handshake. */
export interface Visitor {
  /** A digest that stands for the token. */
  readonly tokenKey: string;
  readonly companyId: string;
}

interface Address {
  readonly address: string;
  /** When the counted handshakes of the last minute were made. */
  readonly counted: number[];
  /** Tokens accepted in the last hour whose connection has ended, with the end: they may come back uncounted. */
  readonly away: Map<string, number>;
  /** Handshakes let in beyond the limit because somebody is away and not yet known to be theirs, with their time. */
  readonly returning: Map<AdmissionTicket, number>;
}

/** Remembered per address, so that one office cannot make the gateway remember without bound. */
const MAX_AWAY = 256;

/**
 * Limits how many strangers an address may send in a minute, and leaves those alone that were here before.
 *
 * Most clients send their token only after the transport is open, so a handshake is counted when it begins and given back
 * when its token turns out to be known. An address that has used up its limit is still let in as often as known visitors of
 * its are away: so a whole office comes back after an outage, and a stranger among them is turned away once the token is
 * read. Refusals for the limit itself are not counted, or a client that retries would keep itself out for ever.
 */
export class Admission {
  readonly #perMinute: number;
  readonly #addresses: Remembered<Address>;
  readonly #visitors: Visitors;

  constructor({ perMinute, now, maxRemembered = 50_000, graceMs = 0 }: AdmissionOptions) {
    this.#perMinute = perMinute;
    this.#addresses = new Remembered(maxRemembered);
    this.#visitors = new Visitors({ now, maxRemembered, graceMs });
  }

  /**
   * Asks for a handshake of the address; `undefined` refuses it.
   * @param tokenKey when the token came with the first request already.
   */
  request(address: string, tokenKey?: string): AdmissionTicket | undefined {
    const now = this.#visitors.now();
    const record = this.#addresses.touch(address, () => ({
      address,
      counted: [],
      away: new Map(),
      returning: new Map(),
    }));
    while (record.counted[0] !== undefined && record.counted[0] <= now - MINUTE_MS) record.counted.shift();
    forgetUntil(record.away, now - HOUR_MS);
    forgetUntil(record.returning, now - MINUTE_MS);

    const ticket = (place: Place) => new AdmissionTicket(place, record, this.#visitors);
    if (tokenKey !== undefined && this.#visitors.wasSeen(tokenKey)) return ticket('free');
    if (record.counted.length < this.#perMinute) {
      record.counted.push(now);
      return ticket('counted');
    }
    if (record.returning.size >= record.away.size) return undefined;
    const returning = ticket('returning');
    record.returning.set(returning, now);
    return returning;
  }
}

/** `free` costs nothing, `counted` used up one of the minute, `returning` stands in for somebody who is away. */
type Place = 'free' | 'counted' | 'returning';

/** One handshake on its way: `accept` or nothing, then `end` when its connection is gone. */
export class AdmissionTicket {
  readonly #place: Place;
  readonly #record: Address;
  readonly #visitors: Visitors;
  /** Of the visitor who was accepted. */
  #tokenKey: string | undefined;
  #settled = false;

  constructor(place: Place, record: Address, visitors: Visitors) {
    this.#place = place;
    this.#record = record;
    this.#visitors = visitors;
  }

  /** The token is valid. False turns the visitor away: a stranger who took the place of somebody known. */
  accept(visitor: Visitor): boolean {
    const { address, counted, away } = this.#record;
    const known = this.#visitors.isKnown(visitor, address);
    away.delete(visitor.tokenKey);
    const first = !this.#settled;
    this.#settle();
    if (!known && this.#place === 'returning') return false;
    if (known && first && this.#place === 'counted') counted.pop();
    this.#visitors.remember(visitor, address);
    this.#tokenKey = visitor.tokenKey;
    return true;
  }

  /** The connection has ended; idempotent. A handshake that was never accepted stays counted. */
  end(): void {
    this.#settle();
    if (this.#tokenKey === undefined) return;
    const { away } = this.#record;
    away.delete(this.#tokenKey);
    if (away.size < MAX_AWAY) away.set(this.#tokenKey, this.#visitors.now());
    this.#tokenKey = undefined;
  }

  #settle(): void {
    if (!this.#settled) this.#record.returning.delete(this);
    this.#settled = true;
  }
}

/** Who was here in the last hour. */
class Visitors {
  readonly now: () => number;
  readonly #seen: Remembered<number>;
  readonly #graceUntilMs: number;

  constructor({ now, maxRemembered, graceMs }: Required<Omit<AdmissionOptions, 'perMinute'>>) {
    this.now = now;
    this.#seen = new Remembered(maxRemembered);
    this.#graceUntilMs = now() + graceMs;
  }

  /** Also by the salon: further tabs of one get tokens of their own. */
  isKnown({ tokenKey, companyId }: Visitor, address: string): boolean {
    return this.wasSeen(tokenKey) || this.wasSeen(`${address} ${companyId}`) || this.now() < this.#graceUntilMs;
  }

  remember({ tokenKey, companyId }: Visitor, address: string): void {
    const now = this.now();
    this.#seen.set(tokenKey, now);
    this.#seen.set(`${address} ${companyId}`, now);
  }

  wasSeen(key: string): boolean {
    const seenAt = this.#seen.get(key);
    return seenAt !== undefined && seenAt > this.now() - HOUR_MS;
  }
}

/** Entries stand in the order of their times. */
function forgetUntil<K>(times: Map<K, number>, until: number): void {
  for (const [key, time] of times) {
    if (time > until) return;
    times.delete(key);
  }
}

/** A map that forgets what was not used for the longest time. */
class Remembered<T> {
  readonly #entries = new Map<string, T>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get(key: string): T | undefined {
    return this.#entries.get(key);
  }

  touch(key: string, create: () => T): T {
    const value = this.#entries.get(key) ?? create();
    this.set(key, value);
    return value;
  }

  set(key: string, value: T): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#max) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}
