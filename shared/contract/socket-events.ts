import { comparePositions, type Position } from './position.ts';
import type { SessionState } from './session-state.ts';

/** The Socket.IO namespace that every browser client uses. */
export const MARKETPLACE_NAMESPACE = '/marketplace';

/** What a client puts into `auth` of the handshake. Everything but the token is additive to the legacy contract. */
export interface HandshakeAuth {
  readonly token?: string;
  /** The client answers terminal states with a Socket.IO acknowledgement. */
  readonly acknowledges?: boolean;
  /** The newest state the client has seen, on any replica: nothing older is emitted to it. */
  readonly seen?: SeenPosition;
  /** Since when the client has been waiting for the connect, in ms since the epoch. */
  readonly waitingSince?: number;
}

/** A place in one company's order of events, as browsers keep it. */
export interface SeenPosition extends Position {
  /**
   * When the stream of the events was created, in ms since the epoch; of two positions with different streams the one
   * with the later stream is newer, whatever epoch and seq say: a system that has lost its data counts from 1 again.
   */
  readonly stream?: number;
}

/** Negative when `a` is older than `b`. Where a side does not know its stream, epoch and seq decide alone. */
export function compareSeen(a: SeenPosition, b: SeenPosition): number {
  const streams = a.stream === undefined || b.stream === undefined ? 0 : a.stream - b.stream;
  return streams || comparePositions(a, b);
}

/** The whole state, to every client after every change; the legacy events below say parts of the same. */
export interface SessionStatePayload {
  readonly state: SessionState;
  readonly sessionId: string;
  readonly epoch?: number;
  readonly seq?: number;
  /** With epoch and seq: see `SeenPosition`. */
  readonly stream?: number;
  readonly phone?: string;
  /** Seconds left at the moment of the emit. */
  readonly qr?: { readonly text: string; readonly expiresIn: number };
  readonly code?: { readonly text: string; readonly phoneNumber: string; readonly expiresIn: number };
  readonly reason?: string;
  readonly willRetry?: boolean;
  /** ms since the epoch. */
  readonly retryAt?: number;
}

/**
 * Whether the gateway can promise this browser that it hears of every change. `live: false`: it has lost NATS, or could not
 * yet read the state of a browser that has just joined; what the page shows may be outdated, so it should say
 * "reconnecting" and hide a QR or code. `live: true` follows when everything missed has been shown. A browser that was never told is live.
 * Additive: a client that ignores it loses nothing but the notice.
 */
export interface GatewayStatusPayload {
  readonly live: boolean;
}

/** The answer to `refresh-token`. */
export type TokenRefreshReply =
  /** The connection now lasts until `expiresAt`, in ms since the epoch. */
  | { readonly ok: true; readonly expiresAt: number }
  /** The present token stays as it is. */
  | { readonly ok: false; readonly code: string; readonly message: string };

/** Emitted by the gateway. */
export interface ServerToClientEvents {
  'session-state': (payload: SessionStatePayload, acknowledge?: () => void) => void;
  'qr-update': (payload: { qr: string; expiresIn: number }) => void;
  'pairing-code': (payload: { code: string; phoneNumber: string; expiresIn: number }) => void;
  'pairing-code-error': (payload: { message: string; code: string }) => void;
  'whatsapp-connected': (
    payload: { success: true; phone: string; sessionId: string; message: string },
    acknowledge?: () => void,
  ) => void;
  'gateway-status': (payload: GatewayStatusPayload) => void;
  /** `TOO_MANY_REQUESTS`: the request was dropped, the next minute takes it again. */
  error: (payload: { message: string; code?: string }) => void;
}

/** Sent by the browser. */
export interface ClientToServerEvents {
  'request-qr': () => void;
  /** Any punctuation; see `parsePhoneNumber`. */
  'request-pairing-code': (payload: { phoneNumber: string }) => void;
  /** Replaces the connection's token by a fresh one of the same salon, without leaving the room. Refusals change nothing. */
  'refresh-token': (payload: { token: string }, acknowledge?: (reply: TokenRefreshReply) => void) => void;
}

/** Russian, as the existing clients show it to salon owners verbatim. */
export const CONNECTED_MESSAGE = 'WhatsApp успешно подключен!';
/** The same for a browser that joins when the session was already connected. */
export const ALREADY_CONNECTED_MESSAGE = 'WhatsApp уже подключен!';
