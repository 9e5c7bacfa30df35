/** Whose WhatsApp it is, as far as it is known. */
export interface Account {
  /** E.164 digits; only ever from a phone-number JID. */
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

/**
 * Reads the own account. A user part counts as a phone number only in a phone-number JID; `creds.me.id` may be a LID,
 * and both carry a `:device` suffix. `~` is Baileys' placeholder for a name it does not know.
 */
export function toAccount(me: OwnContact | undefined): Account {
  const phoneNumber = userOf(me?.id, 's.whatsapp.net', /^[0-9]{10,15}$/);
  const lid = userOf(me?.lid, 'lid', /^[0-9]{1,20}$/) ?? userOf(me?.id, 'lid', /^[0-9]{1,20}$/);
  const name = me?.name && me.name !== '~' ? me.name.slice(0, MAX_NAME_LENGTH) : undefined;
  return { ...(phoneNumber && { phoneNumber }), ...(lid && { lid }), ...(name && { name }) };
}

function userOf(jid: string | undefined, server: string, shape: RegExp): string | undefined {
  const at = jid?.indexOf('@') ?? -1;
  if (!jid || at < 0 || jid.slice(at + 1) !== server) return undefined;
  // `user_agent:device`: only the user is of interest.
  const user = jid.slice(0, at).split(/[:_]/, 1)[0] ?? '';
  return shape.test(user) ? user : undefined;
}

/** A phone number as it may stand in a log or an overview: country code and the last two digits. */
export function maskPhoneNumber(phoneNumber: string): string {
  return `${phoneNumber.slice(0, 1)}${'*'.repeat(Math.max(0, phoneNumber.length - 3))}${phoneNumber.slice(-2)}`;
}
