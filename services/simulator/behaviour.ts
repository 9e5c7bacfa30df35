/** How the server ends a connection. */
export type Ending =
  | { readonly how: 'failure'; readonly reason: number }
  | { readonly how: 'stream-error'; readonly code?: number; readonly conflict?: string }
  /** `xmlstreamend`, then a WebSocket close. */
  | { readonly how: 'close' }
  /** The line drops without a word. */
  | { readonly how: 'cut' }
  /** The account removes the device, which is told so. */
  | { readonly how: 'unlink' };

/** How long the QRs of one connection live. */
export interface QrTiming {
  readonly refs: number;
  readonly firstRefMs: number;
  readonly nextRefMs: number;
}

/** What differs from the normal course of a connection; whatever is absent is as WhatsApp does it. */
export interface Behaviour {
  /** The WebSocket is refused with this HTTP status; 0 resets the line. */
  readonly refuse?: number;
  /** From here on the server receives and never answers. */
  readonly silentFrom?: 'connect' | 'login' | 'open';
  /** Time before each stanza of the server, in ms. */
  readonly answerDelayMs?: number;
  /** Clients whose version is below this revision (the third number) are outdated. */
  readonly minimumRevision?: number;
  readonly qr?: QrTiming;
  /** How long a pairing code can be typed, in ms. */
  readonly codeLifeMs?: number;
  /** The line drops once this message of the linking by code is answered. */
  readonly cutAfter?: 'companion_hello' | 'companion_finish';
  /** In place of the QRs. */
  readonly atRegistration?: Ending;
  readonly link?: 'wrong-adv-secret' | 'passkey';
  /** Whether the phone links as a business account, whatever it is. */
  readonly business?: boolean;
  /** In place of the welcome to a linked device. */
  readonly atLogin?: Ending;
  /** `afterMs` after the device is open. */
  readonly whenOpen?: Ending & { readonly afterMs: number };
  /** How many one-time prekeys are left at login: all others were claimed. */
  readonly preKeysLeft?: number;
  /** Messages that came while the device was offline, and wait at its login. */
  readonly backlog?: number;
}

export const NORMAL: Behaviour = {};

/** What a connection is for; nobody can tell before its handshake. */
export type Purpose = 'linking' | 'login';

/** Whether the behaviour makes a difference to such a connection. */
export function concerns(behaviour: Behaviour, purpose: Purpose | undefined): boolean {
  const { refuse, silentFrom, answerDelayMs, minimumRevision } = behaviour;
  if (purpose === undefined) return refuse !== undefined || silentFrom === 'connect';
  if (answerDelayMs !== undefined || minimumRevision !== undefined || silentFrom === 'login') return true;
  const { qr, codeLifeMs, cutAfter, atRegistration, link, business } = behaviour;
  if (purpose === 'linking') return [qr, codeLifeMs, cutAfter, atRegistration, link, business].some(isSet);
  const { atLogin, whenOpen, preKeysLeft, backlog } = behaviour;
  return silentFrom === 'open' || [atLogin, whenOpen, preKeysLeft, backlog].some(isSet);
}

function isSet(value: unknown): boolean {
  return value !== undefined;
}
