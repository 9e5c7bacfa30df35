import { createLocalJWKSet, createRemoteJWKSet, errors, jwtVerify, type JWTPayload, type JWTVerifyOptions } from 'jose';

/** The key set may be older than the token's key; asked again a little later it is fetched again. */
export class KeySetTooYoungError extends Error {
  readonly code = 'KEY_SET_TOO_YOUNG';

  constructor(cause: unknown) {
    super('the key set has just been fetched and does not hold the key', { cause });
    this.name = 'KeySetTooYoungError';
  }

  shouldRetry(): boolean {
    return true;
  }
}

/** A key that is not in the set makes it be fetched again, at most this often, in ms: anybody can name such a key. */
const COOLDOWN_MS = 5000;
const FETCH_TIMEOUT_MS = 5000;
/** Keys are fetched again after this, in ms, so that a withdrawn one ends. */
const MAX_AGE_MS = 600_000;
/** How long keys are trusted while their issuer does not answer, in ms. */
const MAX_STALE_MS = 3_600_000;

/** The issuer's published keys, as they change. */
export class KeySet {
  readonly #remote;
  #freshAtMs = -Infinity;

  constructor(url: URL) {
    this.#remote = createRemoteJWKSet(url, {
      cooldownDuration: COOLDOWN_MS,
      timeoutDuration: FETCH_TIMEOUT_MS,
      cacheMaxAge: MAX_AGE_MS,
    });
  }

  /**
   * Verifies a token. While the issuer does not answer, with the keys that it had within the last hour.
   * @throws KeySetTooYoungError when the key may have been published since, and jose's errors.
   */
  async verify(token: string, options: JWTVerifyOptions): Promise<JWTPayload> {
    const isYoung = this.#remote.coolingDown;
    try {
      const { payload } = await jwtVerify(token, this.#remote, options);
      this.#freshAtMs = performance.now();
      return payload;
    } catch (error) {
      if (isYoung && error instanceof errors.JWKSNoMatchingKey) throw new KeySetTooYoungError(error);
      const stale = this.#remote.jwks();
      const mayUseStale = stale !== undefined && performance.now() - this.#freshAtMs < MAX_STALE_MS;
      if (!mayUseStale || !isFetchFailure(error)) throw error;
      const { payload } = await jwtVerify(token, createLocalJWKSet(stale), options);
      return payload;
    }
  }
}

/** The fetch fails with a bare JOSEError (status), a timeout or a TypeError (network); verification never does. */
export function isFetchFailure(error: unknown): boolean {
  if (error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid) return true;
  return error instanceof errors.JOSEError ? error.code === 'ERR_JOSE_GENERIC' : error instanceof TypeError;
}
