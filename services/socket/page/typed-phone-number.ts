import { parsePhoneNumber, type PhoneNumber } from '../../../shared/contract/phone-number.ts';

/** Inside Russia and Kazakhstan people dial 8 for +7, and Russians leave both out: no number of another country looks so. */
const DIALLED_AT_HOME = /^(?:8([79][0-9]{9})|(9[0-9]{9}))$/;
/** Every number of the two countries has eleven digits: another length is a slip of the finger. */
const NOT_WHOLE = /^7(?![0-9]{10}$)/;

/** A number as its owner types it; a code of the contract when it is none. */
export function readTypedPhoneNumber(
  typed: string,
): { readonly phoneNumber: PhoneNumber } | { readonly error: 'PHONE_REQUIRED' | 'INVALID_PHONE_FORMAT' } {
  if (typed.trim() === '') return { error: 'PHONE_REQUIRED' };
  const parsed = parsePhoneNumber(typed);
  if (parsed === undefined) return { error: 'INVALID_PHONE_FORMAT' };
  const atHome = typed.includes('+') ? null : DIALLED_AT_HOME.exec(parsed);
  const phoneNumber = atHome === null ? parsed : parsePhoneNumber(`7${atHome[1] ?? atHome[2] ?? ''}`);
  if (phoneNumber === undefined || NOT_WHOLE.test(phoneNumber)) return { error: 'INVALID_PHONE_FORMAT' };
  return { phoneNumber };
}
