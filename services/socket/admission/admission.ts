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
  /** When the counted handshakes of the last minute were made. */
  readonly counted: number[];
  /** Tokens accepted in the last hour whose connection has ended, with the end: they may come back uncounted. */
  readonly away: Map<string, number>;
  /** Handshakes let in beyond the limit because somebody is away and not yet known to be theirs, with their time. */
  readonly returning: Map<object, number>;
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
  readonly #now: () => number;
  readonly #addresses: Remembered<Address>;
  readonly #seen: Remembered<number>;
  readonly #graceUntilMs: number;

  constructor({ perMinute, now, maxRemembered = 50_000, graceMs = 0 }: AdmissionOptions) {
    this.#perMinute = perMinute;
    this.#now = now;
    this.#graceUntilMs = now() + graceMs;
    this.#addresses = new Remembered(maxRemembered);
    this.#seen = new Remembered(maxRemembered);
  }

  /**
   * Asks for a handshake of the address; `undefined` refuses it.
   * @param tokenKey when the token came with the first request already.
   */
  request(address: string, tokenKey?: string): AdmissionTicket | undefined {
    const now = this.#now();
    const record = this.#addresses.touch(address, () => ({ counted: [], away: new Map(), returning: new Map() }));
    while (record.counted[0] !== undefined && record.counted[0] <= now - MINUTE_MS) record.counted.shift();
    forgetUntil(record.away, now - HOUR_MS);
    forgetUntil(record.returning, now - MINUTE_MS);

    if (tokenKey !== undefined && this.#wasSeen(tokenKey, now)) return this.#ticket(address, record, 'free');
    if (record.counted.length < this.#perMinute) {
      record.counted.push(now);
      return this.#ticket(address, record, 'counted');
    }
    if (record.returning.size >= record.away.size) return undefined;
    return this.#ticket(address, record, 'returning');
  }

  #ticket(address: string, record: Address, place: Place): AdmissionTicket {
    const key = {};
    if (place === 'returning') record.returning.set(key, this.#now());
    return new AdmissionTicket(place, {
      giveBack: () => record.counted.pop(),
      arrive: () => record.returning.delete(key),
      isKnown: ({ tokenKey, companyId }) => {
        const now = this.#now();
        // Further tabs of one salon get tokens of their own.
        const known =
          this.#wasSeen(tokenKey, now) || this.#wasSeen(`${address} ${companyId}`, now) || now < this.#graceUntilMs;
        record.away.delete(tokenKey);
        return known;
      },
      remember: ({ tokenKey, companyId }) => {
        this.#seen.set(tokenKey, this.#now());
        this.#seen.set(`${address} ${companyId}`, this.#now());
      },
      leave: ({ tokenKey }) => {
        record.away.delete(tokenKey);
        if (record.away.size < MAX_AWAY) record.away.set(tokenKey, this.#now());
      },
    });
  }

  #wasSeen(key: string, now: number): boolean {
    const seenAt = this.#seen.get(key);
    return seenAt !== undefined && seenAt > now - HOUR_MS;
  }
}

/** `free` costs nothing, `counted` used up one of the minute, `returning` stands in for somebody who is away. */
type Place = 'free' | 'counted' | 'returning';

interface Ledger {
  giveBack(): void;
  arrive(): void;
  isKnown(visitor: Visitor): boolean;
  remember(visitor: Visitor): void;
  leave(visitor: Visitor): void;
}

/** One handshake on its way: `accept` or nothing, then `end` when its connection is gone. */
export class AdmissionTicket {
  readonly #place: Place;
  readonly #ledger: Ledger;
  #visitor: Visitor | undefined;
  #settled = false;

  constructor(place: Place, ledger: Ledger) {
    this.#place = place;
    this.#ledger = ledger;
  }

  /** The token is valid. False turns the visitor away: a stranger who took the place of somebody known. */
  accept(visitor: Visitor): boolean {
    const known = this.#ledger.isKnown(visitor);
    const first = !this.#settled;
    this.#settle();
    if (!known && this.#place === 'returning') return false;
    if (known && first && this.#place === 'counted') this.#ledger.giveBack();
    this.#ledger.remember(visitor);
    this.#visitor = visitor;
    return true;
  }

  /** The connection has ended; idempotent. A handshake that was never accepted stays counted. */
  end(): void {
    this.#settle();
    if (this.#visitor) this.#ledger.leave(this.#visitor);
    this.#visitor = undefined;
  }

  #settle(): void {
    if (!this.#settled) this.#ledger.arrive();
    this.#settled = true;
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
