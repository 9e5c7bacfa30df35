/** How a client can deviate from the protocol; the keys of `GET /rejections`. */
export type RejectionCode =
  /** The WebSocket framing itself is broken, or a message is too large. */
  | 'WEBSOCKET_INVALID'
  /** The first bytes are not `WA` with the known version, or the routing prefix is malformed. */
  | 'INTRO_INVALID'
  /** A frame is larger than the server reads, or empty. */
  | 'FRAME_SIZE_INVALID'
  /** The handshake did not end in time. */
  | 'HANDSHAKE_TIMEOUT'
  /** A handshake message is not what its turn asks for, or a public key is unusable. */
  | 'HANDSHAKE_INVALID'
  /** A handshake or transport frame does not authenticate. */
  | 'MAC_INVALID'
  /** A transport frame was sealed with a counter that was used before: a replay, or a client that does not count. */
  | 'NONCE_REUSED'
  /** The client payload is not a registration and not a login. */
  | 'PAYLOAD_INVALID'
  /** A signed prekey is not signed by the client's identity key. */
  | 'PREKEY_SIGNATURE_INVALID'
  /** The uploaded prekeys are malformed or belong to another identity. */
  | 'PREKEYS_INVALID'
  /** A login of a device that is not, or no longer, linked. */
  | 'DEVICE_UNKNOWN'
  /** A login with a noise key other than the one stored when the device was linked. */
  | 'NOISE_KEY_UNKNOWN'
  /** A stanza cannot be decoded, or is not allowed in this state. */
  | 'STANZA_INVALID'
  /** A message of the linking by code is malformed, or names keys that are not the client's own. */
  | 'PAIRING_INVALID'
  /** A message that the phone it is for cannot read: its encryption is not as Signal's. */
  | 'MESSAGE_INVALID'
  /** The client answered pair-success with a device signature that does not verify. */
  | 'DEVICE_SIGNATURE_INVALID';

/** The peer broke the protocol; its connection ends, or its request is refused. Never repeats key material. */
export class ProtocolError extends Error {
  readonly code: RejectionCode;

  constructor(code: RejectionCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ProtocolError';
    this.code = code;
  }

  shouldRetry(): boolean {
    return false;
  }
}
