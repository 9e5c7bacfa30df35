import type { SessionStatePayload } from '../contract/socket-events.ts';

/** Why the gateway will not have this client: another token is needed, waiting does not help. */
export type TokenRefusal = 'token-missing' | 'token-expired' | 'token-invalid';

/**
 * What came instead of an answer: `silent` is being tried again by the gateway, `refused` stays refused, `limited` came too
 * soon after others and was dropped: the next minute takes it again.
 */
export interface Problem {
  readonly kind: 'silent' | 'refused' | 'limited';
  readonly code: string | undefined;
}

/** Everything that a client tells its subscribers, in the order in which it happened. */
export type ClientEvent =
  /** The socket is open; the state follows by itself. */
  | { readonly kind: 'opened' }
  /** The socket is gone and is being opened again. A QR or code shown now may be outdated: take it away. */
  | { readonly kind: 'lost' }
  /**
   * Whether the gateway hears of every change. False: a QR or code shown now may be outdated, so hide it until true follows;
   * the states that were missed come in between. True after every `opened` until told otherwise.
   */
  | { readonly kind: 'live'; readonly isLive: boolean }
  /** The end: nothing is tried any more. */
  | { readonly kind: 'refused'; readonly refusal: TokenRefusal }
  | {
      readonly kind: 'session';
      readonly payload: SessionStatePayload;
      /** ms since the epoch by this browser's clock. */
      readonly receivedAtMs: number;
      /** A `poll` answers without QR and code, and only while the socket does not come up. */
      readonly via: 'socket' | 'poll';
    }
  | { readonly kind: 'problem'; readonly problem: Problem }
  /** A pairing code could not be had; one of the contract's codes. */
  | { readonly kind: 'code-refused'; readonly code: string };
