import type { CompanyId } from '../contract/company-id.ts';

export interface RateLimitOptions {
  /** How much a company may do at once after a pause. */
  readonly burst: number;
  /** How much a minute in the long run. */
  readonly perMinute: number;
  /** Monotonic, in ms. */
  readonly now?: () => number;
}

/** Limits what is done for each company, as a token bucket; a bucket that is full again is forgotten. */
export class RateLimit {
  readonly #options: Required<RateLimitOptions>;
  /** In the order in which they were last taken from. */
  readonly #fullAt = new Map<CompanyId, number>();

  constructor(options: RateLimitOptions) {
    this.#options = { now: () => performance.now(), ...options };
  }

  /** Takes one; answers 0, or after how many ms there will be one. */
  take(companyId: CompanyId): number {
    const { burst, perMinute, now } = this.#options;
    const intervalMs = 60_000 / perMinute;
    const nowMs = now();
    // The bucket as one number: the moment at which it would be full again, had this one been taken.
    const fullAt = Math.max(this.#fullAt.get(companyId) ?? 0, nowMs) + intervalMs;
    const waitMs = fullAt - nowMs - burst * intervalMs;
    if (waitMs > 0) return Math.ceil(waitMs);
    this.#fullAt.delete(companyId);
    this.#fullAt.set(companyId, fullAt);
    this.#forgetFull(nowMs);
    return 0;
  }

  /** Companies whose bucket is not full. */
  get size(): number {
    return this.#fullAt.size;
  }

  /** Those that were taken from longest ago, until one is not full: the rest have at most a bucket's time to go. */
  #forgetFull(nowMs: number): void {
    for (const [companyId, fullAt] of this.#fullAt) {
      if (fullAt > nowMs) return;
      this.#fullAt.delete(companyId);
    }
  }
}
