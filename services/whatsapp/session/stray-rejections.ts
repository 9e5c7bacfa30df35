/**
 * Whether a rejection that nobody handled comes from inside Baileys or libsignal. Their event handlers are asynchronous
 * functions whose promises nobody holds (`ws.on('CB:…', async …)`), so a socket that dies at the wrong moment rejects
 * into the void; one company's socket is not worth the process that holds all others.
 */
export function isBaileysRejection(reason: unknown): boolean {
  if (!(reason instanceof Error)) return false;
  if ('isBoom' in reason && reason.isBoom === true) return true;
  return /[\\/]node_modules[\\/](@whiskeysockets[\\/]baileys|libsignal)[\\/]/.test(reason.stack ?? '');
}
