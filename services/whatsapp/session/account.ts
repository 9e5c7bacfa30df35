import { lidOf, parseAddress, phoneNumberOf } from './address.ts';

/** Whose WhatsApp it is, as far as it is known. */
export interface Account {
  /** E.164 digits; only ever from an address by phone number or a known mapping. */
  readonly phoneNumber?: string;
  /** The user part of the account's LID: an identifier, never a phone number. */
  readonly lid?: string;
  /** The name that the account shows to others. */
  readonly name?: string;
}

/** What Baileys knows about the own account (`creds.me`), as far as it matters here. */
export interface OwnContact {
  readonly id?: string | undefined;
  readonly lid?: string | undefined;
  readonly name?: string | undefined;
}

const MAX_NAME_LENGTH = 256;

/** Reads the own account; `creds.me.id` may be a LID. `~` is Baileys' placeholder for a name it does not know. */
export function toAccount(me: OwnContact | undefined): Account {
  const id = parseAddress(me?.id);
  const phoneNumber = phoneNumberOf(id);
  const lid = lidOf(parseAddress(me?.lid)) ?? lidOf(id);
  const name = me?.name && me.name !== '~' ? me.name.slice(0, MAX_NAME_LENGTH) : undefined;
  return { ...(phoneNumber && { phoneNumber }), ...(lid && { lid }), ...(name && { name }) };
}

/** A phone number as it may stand in a log or an overview: country code and the last two digits. */
export function maskPhoneNumber(phoneNumber: string): string {
  return `${phoneNumber.slice(0, 1)}${'*'.repeat(Math.max(0, phoneNumber.length - 3))}${phoneNumber.slice(-2)}`;
}
