/** Baileys shows the first QR of a socket for 60 s and each further one for 20 s (`Socket/socket.js`, `qrTimeout` unset). */
const FIRST_MS = 60_000;
const NEXT_MS = 20_000;

/** How long a QR lives, in ms, when the same socket has shown `before` others; `qrTimeoutMs` is Baileys' setting for all. */
export function qrLifetimeMs(before: number, qrTimeoutMs?: number): number {
  return qrTimeoutMs ?? (before === 0 ? FIRST_MS : NEXT_MS);
}
