import { isFinalRefusal } from '../contract/command-errors.ts';
import { SESSION_STATES } from '../contract/session-state.ts';
import type { Problem, TokenRefusal } from './client-event.ts';

/** Codes of the gateway's refusals that only another token heals. */
const REFUSALS: Readonly<Record<string, TokenRefusal>> = {
  TOKEN_MISSING: 'token-missing',
  TOKEN_EXPIRED: 'token-expired',
  TOKEN_INVALID: 'token-invalid',
  TOKEN_CLAIMS: 'token-invalid',
};

/** What a code of the gateway means for the token; `undefined` when waiting may help. */
export function refusalOfCode(code: unknown): TokenRefusal | undefined {
  return typeof code === 'string' && Object.hasOwn(REFUSALS, code) ? REFUSALS[code] : undefined;
}

/**
 * What a failed connect means: a refusal that waiting cannot heal, or `undefined` for everything else (no network, a
 * gateway that restarts, a limit of connections), which is tried again.
 */
export function refusalOf(error: unknown): TokenRefusal | undefined {
  const data = property(error, 'data');
  return refusalOfCode(property(data, 'code'));
}

/**
 * What an `error` of the gateway means; `undefined` when it only repeats a state for clients that know no
 * `session-state`.
 */
export function problemOf(code: string | undefined): Problem | undefined {
  if (SESSION_STATES.some((state) => state === code)) return undefined;
  if (code === 'TOO_MANY_REQUESTS') return { kind: 'limited', code };
  return { kind: isFinalRefusal(code) ? 'refused' : 'silent', code };
}

/** A property of something that another program sent; `undefined` when there is none. */
export function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
