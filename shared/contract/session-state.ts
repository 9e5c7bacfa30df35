/**
 * Where a company's session stands, as browsers see it. `linked` is accepted on the phone and still finishing;
 * `connected` is open; the rest is what the name says.
 */
export const SESSION_STATES = [
  'starting',
  'qr',
  'qr-expired',
  'pairing-code',
  'passkey-required',
  'linked',
  'connected',
  'disconnected',
  'replaced',
  'logged-out',
  'client-outdated',
  'failed',
] as const;
export type SessionState = (typeof SESSION_STATES)[number];

/** States that stay until somebody acts: delivered with acknowledgement, never followed by an automatic step. */
const TERMINAL: ReadonlySet<SessionState> = new Set([
  'connected',
  'logged-out',
  'client-outdated',
  'passkey-required',
  'qr-expired',
  'replaced',
  'failed',
]);

export function isTerminal(state: SessionState): boolean {
  return TERMINAL.has(state);
}
