import type { RateLimitOptions } from '../../../shared/http/rate-limit.ts';

/** Texts of one session. WhatsApp bans numbers that write like machines: this is what a busy person may write. */
export const SEND_LIMIT: RateLimitOptions = { burst: 10, perMinute: 30 };
