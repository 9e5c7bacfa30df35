import type { Position } from './position.ts';
import type { SessionState } from './session-state.ts';

/** The Socket.IO namespace that every browser client uses. */
export const MARKETPLACE_NAMESPACE = '/marketplace';

/** What a client puts into `auth` of the handshake. Everything but the token is additive to the legacy contract. */
export interface HandshakeAuth {
  readonly token?: string;
  /** The client answers terminal states with a Socket.IO acknowledgement. */
  readonly acknowledges?: boolean;
  /** The newest state the client has seen, on any replica: nothing older is emitted to it. */
  readonly seen?: Position;
  /** Since when the client has been waiting for the connect, in ms since the epoch. */
  readonly waitingSince?: number;
}

/** The whole state, to every client after every change; the legacy events below say parts of the same. */
export interface SessionStatePayload {
  readonly state: SessionState;
  readonly sessionId: string;
  readonly epoch?: number;
  readonly seq?: number;
  readonly phone?: string;
  /** Seconds left at the moment of the emit. */
  readonly qr?: { readonly text: string; readonly expiresIn: number };
  readonly code?: { readonly text: string; readonly phoneNumber: string; readonly expiresIn: number };
  readonly reason?: string;
  readonly willRetry?: boolean;
  /** ms since the epoch. */
  readonly retryAt?: number;
}

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
  error: (payload: { message: string; code?: string }) => void;
}

/** Sent by the browser. */
export interface ClientToServerEvents {
  'request-qr': () => void;
  /** Any punctuation; see `parsePhoneNumber`. */
  'request-pairing-code': (payload: { phoneNumber: string }) => void;
}

/** Russian, as the existing clients show it to salon owners verbatim. */
export const CONNECTED_MESSAGE = 'WhatsApp успешно подключен!';
/** The same for a browser that joins when the session was already connected. */
export const ALREADY_CONNECTED_MESSAGE = 'WhatsApp уже подключен!';
