declare const phoneNumberBrand: unique symbol;

/** E.164 digits without the plus sign, 10 to 15 of them. */
export type PhoneNumber = string & { readonly [phoneNumberBrand]: true };

const DIGITS = /^[1-9][0-9]{9,14}$/;
/** What people write between the digits. */
const PUNCTUATION = /[\s().+\-\u2010-\u2015\u00a0]/g;
/** Nobody types more; the bound keeps a hostile input cheap. */
const MAX_LENGTH = 64;

/**
 * Reads a phone number as a person types it, in any punctuation; `undefined` when it is none. A LID or any other JID is
 * none: whatever is not a digit or punctuation between digits makes it invalid.
 */
export function parsePhoneNumber(input: unknown): PhoneNumber | undefined {
  if (typeof input !== 'string' || input.length > MAX_LENGTH) return undefined;
  const digits = input.replaceAll(PUNCTUATION, '');
  return DIGITS.test(digits) ? (digits as PhoneNumber) : undefined;
}
