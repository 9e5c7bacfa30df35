import { hash } from 'node:crypto';
import { errors, jwtVerify, type JWTPayload, type JWTVerifyOptions } from 'jose';
import { parseCompanyId, type CompanyId } from '../../shared/contract/company-id.ts';
import { isFetchFailure, KeySet, KeySetTooYoungError } from './admission/key-set.ts';

/** Where tokens are checked: shared secrets (HS256, the newest first) or the key set of an issuer. */
export interface AuthConfig {
  readonly keys:
    | { readonly kind: 'secrets'; readonly secrets: readonly Uint8Array[] }
    | { readonly kind: 'jwks'; readonly url: URL };
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
}

/** A verified token. */
export interface Identity {
  readonly companyId: CompanyId;
  /** ms since the epoch. */
  readonly expiresAtMs: number;
  /** A digest that stands for the token where the token itself must not be kept. */
  readonly tokenKey: string;
}

export type AuthErrorCode =
  | 'TOKEN_MISSING'
  | 'TOKEN_EXPIRED'
  /** Not a token, wrong signature, algorithm, issuer or audience. */
  | 'TOKEN_INVALID'
  /** Signed, but without usable `salon_id`, `company_id` or `exp`. */
  | 'TOKEN_CLAIMS'
  /** The issuer's keys cannot be had; the token may be good. */
  | 'AUTH_UNAVAILABLE';

const MESSAGES: Readonly<Record<AuthErrorCode, string>> = {
  TOKEN_MISSING: 'a token is required',
  TOKEN_EXPIRED: 'the token has expired',
  TOKEN_INVALID: 'the token is not valid',
  TOKEN_CLAIMS: 'the token lacks a valid salon_id, company_id or exp',
  AUTH_UNAVAILABLE: 'tokens cannot be checked right now',
};

/** A token that is refused. The message is meant for the client and repeats nothing of the token. */
export class AuthError extends Error {
  readonly code: AuthErrorCode;

  constructor(code: AuthErrorCode, cause?: unknown) {
    super(MESSAGES[code], { cause });
    this.name = 'AuthError';
    this.code = code;
  }

  shouldRetry(): boolean {
    return this.code === 'AUTH_UNAVAILABLE';
  }
}

/** Pinned per kind of key: a token never chooses its own algorithm, and a public key is never an HMAC secret. */
const JWKS_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];

type Verify = (token: string, options: JWTVerifyOptions) => Promise<JWTPayload>;

export class TokenVerifier {
  readonly #verifiers: readonly Verify[];
  readonly #options: JWTVerifyOptions;

  constructor({ keys, issuer, audience }: AuthConfig) {
    this.#options = {
      algorithms: keys.kind === 'secrets' ? ['HS256'] : JWKS_ALGORITHMS,
      requiredClaims: ['exp'],
      ...(issuer !== undefined && { issuer }),
      ...(audience !== undefined && { audience }),
    };
    this.#verifiers = keys.kind === 'secrets' ? keys.secrets.map(verifyWith) : [verifyWithKeySet(keys.url)];
  }

  /**
   * Verifies signature, algorithm, expiry, issuer and audience, and reads the company from `salon_id`.
   * @throws AuthError
   */
  async verify(token: string | undefined): Promise<Identity> {
    if (token === undefined || token === '') throw new AuthError('TOKEN_MISSING');
    const { salon_id: salonId, company_id: internalId, exp } = await this.#payloadOf(token);
    if (exp === undefined || !isId(internalId)) throw new AuthError('TOKEN_CLAIMS');
    return { companyId: companyOf(salonId), expiresAtMs: exp * 1000, tokenKey: tokenKeyOf(token) };
  }

  async #payloadOf(token: string): Promise<JWTPayload> {
    let refusal = new AuthError('TOKEN_INVALID');
    for (const verify of this.#verifiers) {
      try {
        return await verify(token, this.#options);
      } catch (error) {
        refusal = toAuthError(error);
        // Only a signature by another key can turn out well with the previous secret.
        if (!(error instanceof errors.JWSSignatureVerificationFailed)) break;
      }
    }
    throw refusal;
  }
}

/** The digest under which a token is remembered. */
export function tokenKeyOf(token: string): string {
  return hash('sha256', token, 'base64url');
}

function verifyWith(secret: Uint8Array): Verify {
  return async (token, options) => (await jwtVerify(token, secret, options)).payload;
}

function verifyWithKeySet(url: URL): Verify {
  const keySet = new KeySet(url);
  return (token, options) => keySet.verify(token, options);
}

function companyOf(salonId: unknown): CompanyId {
  try {
    return parseCompanyId(salonId);
  } catch (error) {
    throw new AuthError('TOKEN_CLAIMS', error);
  }
}

/** The product's internal id: only its presence matters here. */
function isId(claim: unknown): boolean {
  return Number.isSafeInteger(claim) || (typeof claim === 'string' && claim !== '' && claim.length <= 128);
}

function toAuthError(error: unknown): AuthError {
  if (error instanceof errors.JWTExpired) return new AuthError('TOKEN_EXPIRED', error);
  if (error instanceof errors.JWTClaimValidationFailed && error.claim === 'exp')
    return new AuthError('TOKEN_CLAIMS', error);
  const isPassing = error instanceof KeySetTooYoungError || isFetchFailure(error);
  return new AuthError(isPassing ? 'AUTH_UNAVAILABLE' : 'TOKEN_INVALID', error);
}
