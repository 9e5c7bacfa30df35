/**
 * Why a WhatsApp socket closed: the closed list behind the `reason` of events and of `whatsapp_disconnects_total`.
 * Status codes are those of Baileys' `DisconnectReason`; several of them mean more than one thing, the message decides.
 */
export const CLOSE_REASONS = [
  /** 515: WhatsApp wants the socket opened again, after pairing or at any time. */
  'restart-required',
  /** 408: every QR of the socket was shown and none was scanned. */
  'qr-refs-ended',
  /** 401: the account removed this device, or WhatsApp does not know it. */
  'logged-out',
  /** This service logged the device out. */
  'logout-requested',
  /** 403: WhatsApp refuses the account. */
  'forbidden',
  /** 440: another client opened the same session. */
  'replaced',
  /** 405: WhatsApp no longer speaks to this version of the client. */
  'client-outdated',
  /** 500: the pairing answer does not verify against the secret of the QR. */
  'pairing-rejected',
  /** 411. */
  'multidevice-mismatch',
  /** 503. */
  'unavailable',
  /** 428: the server, or something between, ended the connection. */
  'connection-closed',
  /** 408: nothing was received for longer than the keepalive. */
  'connection-lost',
  /** 408: the server did not answer the handshake, or showed neither a QR nor a welcome behind it. */
  'timed-out',
  /** The WebSocket did not come up: refused, or answered by something that is not WhatsApp. */
  'unreachable',
  /** The name of the server does not resolve. */
  'dns-failed',
  /** What answers has no certificate for that name, or does not speak TLS. */
  'tls-failed',
  /** 500, which is also Baileys' code for every stream error without one. */
  'bad-session',
  /** Opening the socket failed inside this service. */
  'open-failed',
  'unknown',
] as const;
export type CloseReason = (typeof CLOSE_REASONS)[number];

export interface SocketClose {
  readonly statusCode?: number | undefined;
  readonly message?: string | undefined;
  /** Node's code of the error that kept the WebSocket from coming up, if there was one. */
  readonly networkCode?: string | undefined;
}

/** Messages of Baileys 7.0.0-rc14 that say more than their status code. */
const REASON_OF_MESSAGE: Readonly<Record<string, CloseReason>> = {
  'QR refs attempts ended': 'qr-refs-ended',
  'Intentional Logout': 'logout-requested',
  'Connection was lost': 'connection-lost',
  'Invalid account signature': 'pairing-rejected',
  'Failed to verify account signature': 'pairing-rejected',
  'Missing device-identity or device in pair success node': 'pairing-rejected',
};

const REASON_OF_CODE: Readonly<Record<number, CloseReason>> = {
  401: 'logged-out',
  403: 'forbidden',
  405: 'client-outdated',
  408: 'timed-out',
  411: 'multidevice-mismatch',
  428: 'connection-closed',
  440: 'replaced',
  500: 'bad-session',
  503: 'unavailable',
  515: 'restart-required',
};

/** Reasons that end a session for good: believed only when WhatsApp itself said so inside the encrypted stream. */
const FROM_WHATSAPP_ONLY: ReadonlySet<CloseReason> = new Set([
  'logged-out',
  'forbidden',
  'replaced',
  'client-outdated',
  'restart-required',
]);

/** Node's codes: of the resolver, and of OpenSSL's checks of a certificate. */
const DNS_CODES = /^(?:ENOTFOUND|EAI_[A-Z]+)$/;
const TLS_CODES = /^(?:EPROTO|ERR_(?:SSL|TLS)_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH)/;

/**
 * Tells why a socket closed. The status of an HTTP answer to the WebSocket upgrade (a proxy's 401, 403 or 405) arrives
 * with the same codes as WhatsApp's own verdicts, and would log a healthy session out: such a close is `unreachable`.
 */
export function toCloseReason({ statusCode, message = '', networkCode = '' }: SocketClose): CloseReason {
  if (message.startsWith('WebSocket Error')) return unreachableBy(networkCode);
  const said = Object.hasOwn(REASON_OF_MESSAGE, message) ? REASON_OF_MESSAGE[message] : undefined;
  if (said) return said;
  const reason = REASON_OF_CODE[statusCode ?? 0] ?? 'unknown';
  const fromWhatsApp = message.startsWith('Connection Failure') || message.startsWith('Stream Errored');
  return FROM_WHATSAPP_ONLY.has(reason) && !fromWhatsApp ? 'unknown' : reason;
}

function unreachableBy(networkCode: string): CloseReason {
  if (DNS_CODES.test(networkCode)) return 'dns-failed';
  return TLS_CODES.test(networkCode) ? 'tls-failed' : 'unreachable';
}
