/** Whom a JID names: `user[:device]@server`. */
export interface Address {
  readonly user: string;
  /** 0 is the phone itself. */
  readonly device: number;
  readonly server: 'lid' | 's.whatsapp.net';
}

const PATTERN = /^([1-9][0-9]{4,19})(?::([0-9]{1,5}))?@(lid|s\.whatsapp\.net)$/;

/** `undefined` for everything but a person's address: groups, broadcasts, the server itself. */
export function parseAddress(jid: string): Address | undefined {
  const [, user, device = '0', server] = PATTERN.exec(jid) ?? [];
  if (user === undefined || server === undefined) return undefined;
  return { user, device: Number(device), server: server === 'lid' ? 'lid' : 's.whatsapp.net' };
}
