/** How long a socket waits for what, in ms. */
export interface SocketTimes {
  /** For the WebSocket, and for each message of the handshake. */
  readonly connectTimeoutMs: number;
  /** From the first byte to a QR or to open: Baileys itself would wait for ever. */
  readonly openTimeoutMs: number;
  /** Between two pings; a line is lost when nothing came for 5 s longer. */
  readonly keepAliveMs: number;
  /** Life of every QR; unset, the first lives 60 s and each further one 20 s, as WhatsApp has it. */
  readonly qrMs?: number | undefined;
  /** For WhatsApp's answer to the request for a pairing code. */
  readonly codeAnswerMs: number;
  /** A pairing code is shown this long … */
  readonly codeShownMs: number;
  /** … and the phone may still take it this much longer: whoever typed it in the last second is not cut off. */
  readonly codeGraceMs: number;
}

/** WhatsApp takes a code for about a minute. */
export const SOCKET_TIMES: SocketTimes = {
  connectTimeoutMs: 20_000,
  openTimeoutMs: 30_000,
  keepAliveMs: 30_000,
  codeAnswerMs: 20_000,
  codeShownMs: 50_000,
  codeGraceMs: 10_000,
};
