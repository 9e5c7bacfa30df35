import { SESSION_STATES } from '../../../shared/contract/session-state.ts';
import type { Problem, Refusal } from './onboarding-model.ts';

/** Codes of the gateway's handshake refusals that only a new link heals. */
const REFUSALS: Readonly<Record<string, Refusal>> = {
  TOKEN_MISSING: 'no-token',
  TOKEN_EXPIRED: 'link-expired',
  TOKEN_INVALID: 'link-invalid',
  TOKEN_CLAIMS: 'link-invalid',
};

/**
 * What a failed connect means for the page: a refusal that waiting cannot heal, or `undefined` for everything else (no
 * network, a gateway that restarts, a limit of connections), which is tried again.
 */
export function refusalOf(error: unknown): Refusal | undefined {
  if (typeof error !== 'object' || error === null || !('data' in error)) return undefined;
  const { data } = error;
  if (typeof data !== 'object' || data === null || !('code' in data)) return undefined;
  return typeof data.code === 'string' && Object.hasOwn(REFUSALS, data.code) ? REFUSALS[data.code] : undefined;
}

/** Codes of refused commands that the gateway does not try again. */
const FINAL_CODES: ReadonlySet<string> = new Set(['BAD_COMMAND', 'RESERVED_ID', 'CREDENTIALS_UNREADABLE']);

/**
 * What an `error` of the gateway means for the page; `undefined` when it only repeats a state for clients that know no
 * `session-state`.
 */
export function problemOf(code: string | undefined): Problem | undefined {
  if (SESSION_STATES.some((state) => state === code)) return undefined;
  return { kind: code !== undefined && FINAL_CODES.has(code) ? 'refused' : 'silent', code };
}
