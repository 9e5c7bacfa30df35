import type { Room, Viewer } from '../rooms.ts';

export interface RequestLimitsOptions {
  /** Of one browser in a minute, and as many at once. */
  readonly perViewer: number;
  /** Of all browsers of one company together. */
  readonly perCompany: number;
  /** Monotonic, in ms. */
  readonly now: () => number;
}

/** `flood`: refused so often that nobody reads the refusals; the connection should end. */
export type RequestVerdict = 'allowed' | 'refused' | 'flood';

/** Refusals in a row after which a browser counts as one that does not listen. */
const FLOOD_REFUSALS = 200;

/** Limits what browsers may ask for, each by itself and all of a company together. Remembers as long as they are there. */
export class RequestLimits {
  readonly #options: RequestLimitsOptions;
  readonly #viewers = new WeakMap<Viewer, Bucket>();
  readonly #rooms = new WeakMap<Room, Bucket>();

  constructor(options: RequestLimitsOptions) {
    this.#options = options;
  }

  take(room: Room, viewer: Viewer): RequestVerdict {
    const { perViewer, perCompany, now } = this.#options;
    const own = bucketOf(this.#viewers, viewer, () => new Bucket(perViewer, now()));
    // A browser that is over its own limit uses up nothing of the others'.
    const isAllowed = own.take(now()) && bucketOf(this.#rooms, room, () => new Bucket(perCompany, now())).take(now());
    if (isAllowed) own.refusals = 0;
    else own.refusals += 1;
    if (isAllowed) return 'allowed';
    return own.refusals > FLOOD_REFUSALS ? 'flood' : 'refused';
  }
}

function bucketOf<K extends WeakKey>(buckets: WeakMap<K, Bucket>, key: K, create: () => Bucket): Bucket {
  const bucket = buckets.get(key) ?? create();
  buckets.set(key, bucket);
  return bucket;
}

const MINUTE_MS = 60_000;

/** Fills evenly, to its size within a minute. */
class Bucket {
  readonly #size: number;
  #tokens: number;
  #atMs: number;
  refusals = 0;

  constructor(size: number, nowMs: number) {
    this.#size = size;
    this.#tokens = size;
    this.#atMs = nowMs;
  }

  take(nowMs: number): boolean {
    this.#tokens = Math.min(this.#size, this.#tokens + ((nowMs - this.#atMs) * this.#size) / MINUTE_MS);
    this.#atMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
