/**
 * The servers of people's addresses. `hosted` and `hosted.lid` are devices that Meta runs for a business; the user in
 * front of them is a phone number and a LID all the same.
 */
export const ADDRESS_SERVERS = ['s.whatsapp.net', 'lid', 'hosted', 'hosted.lid'] as const;
export type AddressServer = (typeof ADDRESS_SERVERS)[number];

/** Where WhatsApp delivers to: one device of a person. */
export interface Address {
  /** Digits: of a phone number or of a LID, which look alike; only the server tells. */
  readonly user: string;
  readonly server: AddressServer;
  /** 0 is the phone itself. */
  readonly device: number;
}

/** `user_agent:device@server`. WhatsApp writes no agent for people any more; what old clients wrote is dropped. */
const JID = /^([0-9]{1,20})(?:_[0-9]{1,3})?(?::([0-9]{1,5}))?@([a-z.]+)$/;
const PHONE_NUMBER = /^[1-9][0-9]{9,14}$/;

/** Parses a JID of a person; `undefined` for groups, channels, status and everything that is none. */
export function parseAddress(jid: string | undefined): Address | undefined {
  const [, user, device = '0', name] = JID.exec(jid ?? '') ?? [];
  const server = ADDRESS_SERVERS.find((known) => known === name);
  return user !== undefined && server ? { user, server, device: Number(device) } : undefined;
}

/** The JID of an address, as WhatsApp writes it: the phone itself carries no device. */
export function formatAddress({ user, server, device }: Address): string {
  return device === 0 ? `${user}@${server}` : `${user}:${device}@${server}`;
}

/** E.164 digits, when the address is by phone number. A LID never is, however much it looks like one. */
export function phoneNumberOf(address: Address | undefined): string | undefined {
  if (address?.server !== 's.whatsapp.net' && address?.server !== 'hosted') return undefined;
  return PHONE_NUMBER.test(address.user) ? address.user : undefined;
}

/** The user part of the LID, when the address is by LID. */
export function lidOf(address: Address | undefined): string | undefined {
  return address?.server === 'lid' || address?.server === 'hosted.lid' ? address.user : undefined;
}
