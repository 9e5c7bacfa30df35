/**
 * What a JWT says, unverified: good for a timer or a language, never for a decision about rights. Empty when it is no JWT.
 */
export function claimsOf(token: string | undefined): Readonly<Record<string, unknown>> {
  try {
    const payload = token?.split('.')[1]?.replaceAll('-', '+').replaceAll('_', '/') ?? '';
    const claims: unknown = JSON.parse(atob(payload));
    return typeof claims === 'object' && claims !== null ? (claims as Readonly<Record<string, unknown>>) : {};
  } catch {
    return {};
  }
}

/** Of its last minute a token is replaced, or of its last tenth when it lives shorter, in ms. */
const LONGEST_MARGIN_MS = 60_000;
/** `setTimeout` fires at once beyond this. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * In how many ms a fresh token should be asked for, so that the connection outlives the present one; `undefined` when the
 * token does not say when it ends.
 */
export function refreshDelayMs(token: string, nowMs: number): number | undefined {
  const { exp } = claimsOf(token);
  if (typeof exp !== 'number') return undefined;
  const leftMs = Math.max(0, exp * 1000 - nowMs);
  return Math.min(leftMs - Math.min(LONGEST_MARGIN_MS, leftMs / 10), LONGEST_TIMER_MS);
}
