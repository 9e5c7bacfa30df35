import { SignJWT } from 'jose';
import { parseCompanyId, salonIdOf } from '../contract/company-id.ts';

export interface SignTokenOptions {
  readonly secret: string;
  /** A salon id or a company id. */
  readonly salonId: string;
  /** The marketplace's internal id of the company; the salon id when absent. */
  readonly companyId?: string | undefined;
  readonly hours: number;
  readonly issuer?: string | undefined;
  readonly audience?: string | undefined;
}

/**
 * A token as the marketplace issues it: HS256, `company_id`, `salon_id`, `iat`, `exp`.
 * @throws CompanyIdError when an id is none.
 */
export async function signToken(options: SignTokenOptions): Promise<string> {
  const salonId = salonIdOf(parseCompanyId(options.salonId));
  const companyId = options.companyId === undefined ? salonId : salonIdOf(parseCompanyId(options.companyId));
  const now = Math.floor(Date.now() / 1000);
  const token = new SignJWT({ company_id: toClaim(companyId), salon_id: toClaim(salonId) })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuedAt(now)
    .setExpirationTime(now + Math.round(options.hours * 3600));
  if (options.issuer !== undefined) token.setIssuer(options.issuer);
  if (options.audience !== undefined) token.setAudience(options.audience);
  return await token.sign(new TextEncoder().encode(options.secret));
}

/** A number as the marketplace writes it, text where a JSON number would lose digits. */
function toClaim(id: string): number | string {
  return Number.isSafeInteger(Number(id)) ? Number(id) : id;
}
