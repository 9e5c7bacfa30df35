declare const companyIdBrand: unique symbol;

/**
 * A company in canonical form: `company_<salonId>`. Only the parsers below make one, so a value of this type is safe as
 * a subject token, a room name and a row key.
 */
export type CompanyId = string & { readonly [companyIdBrand]: true };

const SALON_ID = /^[1-9][0-9]{0,18}$/;
const PREFIX = 'company_';

/** The canonical form as a JSON-schema pattern, for the schemas of this folder. */
export const COMPANY_ID_PATTERN = '^company_[1-9][0-9]{0,18}$';

/** Not a company id. The offending input is cut to 40 characters: it may come from anybody. */
export class CompanyIdError extends Error {
  readonly code = 'COMPANY_ID_INVALID';

  constructor(input: unknown) {
    const shown = (JSON.stringify(input) ?? typeof input).slice(0, 40);
    super(
      `not a company id: ${shown}; expected company_<salonId> or a salon id of 1 to 19 digits without leading zero`,
    );
    this.name = 'CompanyIdError';
  }

  shouldRetry(): boolean {
    return false;
  }
}

/**
 * Parses an id at an edge (HTTP, JWT, command line, legacy row): the canonical form, a bare salon id, or a JSON number
 * that is a safe integer (a larger one has already lost digits).
 * @throws CompanyIdError on anything else.
 */
export function parseCompanyId(input: unknown): CompanyId {
  const text = typeof input === 'number' && Number.isSafeInteger(input) ? String(input) : input;
  if (typeof text !== 'string') throw new CompanyIdError(input);
  const salonId = text.startsWith(PREFIX) ? text.slice(PREFIX.length) : text;
  if (!SALON_ID.test(salonId)) throw new CompanyIdError(input);
  return `${PREFIX}${salonId}` as CompanyId;
}

/** Reads the canonical form only, as subjects and event bodies must carry it; anything else is `undefined`. */
export function asCanonicalCompanyId(text: string): CompanyId | undefined {
  return text.startsWith(PREFIX) && SALON_ID.test(text.slice(PREFIX.length)) ? (text as CompanyId) : undefined;
}

/** The marketplace's own id of the company: decimal digits. */
export function salonIdOf(companyId: CompanyId): string {
  return companyId.slice(PREFIX.length);
}

/** Ids that no customer has: the canary's and the load generator's. Events for them are `synthetic`, all others are not. */
export type ReservedRange = 'canary' | 'load';

/** The salons of the canary's replicas, one each. */
export const CANARY_SALONS = { first: 9_000_000_000, count: 100 } as const;

const RESERVED: Readonly<Record<ReservedRange, readonly [first: number, last: number]>> = {
  canary: [CANARY_SALONS.first, CANARY_SALONS.first + CANARY_SALONS.count - 1],
  load: [9_100_000_000, 9_199_999_999],
};

/** The reserved range that the company falls into, or `undefined` for a customer's. */
export function reservedRangeOf(companyId: CompanyId): ReservedRange | undefined {
  // Every reserved id has ten digits and a leading 9: everyone else is told apart without a conversion.
  if (companyId.length !== PREFIX.length + 10 || companyId[PREFIX.length] !== '9') return undefined;
  const salonId = Number(salonIdOf(companyId));
  if (salonId >= RESERVED.load[0] && salonId <= RESERVED.load[1]) return 'load';
  if (salonId >= RESERVED.canary[0] && salonId <= RESERVED.canary[1]) return 'canary';
  return undefined;
}
