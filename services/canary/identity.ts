import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { decodeJwt } from 'jose';
import {
  CANARY_SALONS,
  parseCompanyId,
  reservedRangeOf,
  salonIdOf,
  type CompanyId,
} from '../../shared/contract/company-id.ts';
import { signToken } from '../../shared/http/sign-token.ts';
import type { TokenSource } from './config.ts';

/** The reserved company that a canary speaks for, and its way into that company's room. */
export interface Identity {
  readonly companyId: CompanyId;
  /** A token that is valid now. Rejects when it cannot be read. */
  token(): Promise<string>;
  /** Another company, when somebody else turned out to use this one; itself when only one is possible. */
  next(): Identity;
}

/** The token file holds no token of a reserved canary company. */
export class CanaryTokenError extends Error {
  readonly code = 'CANARY_TOKEN_UNUSABLE';

  constructor(path: string, why: string, cause?: unknown) {
    super(`CANARY_TOKEN_FILE ${path} ${why}`, { cause });
    this.name = 'CanaryTokenError';
  }

  shouldRetry(): boolean {
    return false;
  }
}

/** Longer than a gateway needs to notice; shorter than anybody could use a leaked one for. */
const TOKEN_HOURS = 1;

/**
 * Replicas that sign their tokens get a company each from the hash of their name, and move on when it is taken; a token
 * file decides on one.
 * @throws CanaryTokenError
 */
export async function chooseIdentity(tokens: TokenSource, replicaId: string): Promise<Identity> {
  if (tokens.kind === 'file') return identityOfFile(tokens.path);
  const { first, count } = CANARY_SALONS;
  const start = Number.parseInt(hash('sha256', replicaId, 'hex').slice(0, 8), 16);
  const at = (offset: number): Identity => {
    const companyId = parseCompanyId(first + ((start + offset) % count));
    const { secret, issuer, audience } = tokens;
    return {
      companyId,
      token: () => signToken({ secret, salonId: salonIdOf(companyId), hours: TOKEN_HOURS, issuer, audience }),
      next: () => at(offset + 1),
    };
  };
  return at(0);
}

async function identityOfFile(path: string): Promise<Identity> {
  const token = () => readToken(path);
  const companyId = companyOf(path, await token());
  const identity: Identity = { companyId, token, next: () => identity };
  return identity;
}

async function readToken(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    throw new CanaryTokenError(path, 'cannot be read', error);
  }
}

/** The gateway verifies the token; here it only says which company to publish for. */
function companyOf(path: string, token: string): CompanyId {
  let companyId: CompanyId;
  try {
    companyId = parseCompanyId(decodeJwt(token)['salon_id']);
  } catch (error) {
    throw new CanaryTokenError(path, 'holds no token with a salon_id', error);
  }
  if (reservedRangeOf(companyId) !== 'canary') {
    const { first, count } = CANARY_SALONS;
    throw new CanaryTokenError(path, `is of a salon that is not from ${first} to ${first + count - 1}`);
  }
  return companyId;
}
