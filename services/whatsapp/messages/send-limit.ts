import type { CompanyId } from '../../../shared/contract/company-id.ts';

export interface SendLimitOptions {
  /** Texts that a session may send at once after a pause. */
  readonly burst: number;
  /** Texts a minute in the long run. */
  readonly perMinute: number;
  /** Monotonic, in ms. */
  readonly now?: () => number;
}

/** WhatsApp bans numbers that write like machines: this stays at what a busy person at a desk may write. */
export const SEND_LIMIT: SendLimitOptions = { burst: 10, perMinute: 30 };

/** Limits what each session sends, as a token bucket; a bucket that is full again is forgotten. */
export class SendLimit {
  readonly #options: Required<SendLimitOptions>;
  readonly #emptyUntil = new Map<CompanyId, number>();

  constructor(options: SendLimitOptions) {
    this.#options = { now: () => performance.now(), ...options };
  }

  /** Takes one; answers 0, or after how many ms the next one may be sent. */
  take(companyId: CompanyId): number {
    const { burst, perMinute, now } = this.#options;
    const intervalMs = 60_000 / perMinute;
    const nowMs = now();
    // The bucket as one number: the moment at which it would be full again, had this one been taken.
    const fullAt = Math.max(this.#emptyUntil.get(companyId) ?? 0, nowMs) + intervalMs;
    const waitMs = fullAt - nowMs - burst * intervalMs;
    if (waitMs > 0) return Math.ceil(waitMs);
    this.#emptyUntil.set(companyId, fullAt);
    this.#forgetFull(nowMs);
    return 0;
  }

  /** Companies whose bucket is not full. */
  get size(): number {
    return this.#emptyUntil.size;
  }

  /** A few at each call, oldest first. */
  #forgetFull(nowMs: number): void {
    for (const [companyId, fullAt] of this.#emptyUntil) {
      if (fullAt > nowMs) return;
      this.#emptyUntil.delete(companyId);
    }
  }
}
