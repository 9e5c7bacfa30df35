import { setTimeout as sleep } from 'node:timers/promises';
import type { MarketplaceNamespace } from './marketplace-socket.ts';

const STEP_MS = 50;
/** Browsers that another replica can take in one step without noticing: 500 a second. */
const AT_ONCE = 25;

/**
 * Ends the connections of all browsers so that they open a new one by themselves, spread over at most `withinMs`: a few at
 * once, thousands evenly, because every one of them joins a room elsewhere. Those that wait keep getting events. A browser
 * over polling hears of it with its next poll, which is awaited for `patienceMs`.
 */
export async function sendAway(
  namespace: MarketplaceNamespace,
  { withinMs, patienceMs }: { readonly withinMs: number; readonly patienceMs: number },
): Promise<void> {
  const waiting = [...namespace.sockets.values()];
  const perStep = Math.max(AT_ONCE, Math.ceil((waiting.length * STEP_MS) / Math.max(STEP_MS, withinMs)));
  while (waiting.length > 0) {
    // Without a word of Socket.IO's own: told by the server to go, its clients stay away.
    for (const socket of waiting.splice(0, perStep)) socket.conn.close();
    if (waiting.length > 0) await sleep(STEP_MS);
  }
  for (let leftMs = patienceMs; leftMs > 0 && namespace.sockets.size > 0; leftMs -= STEP_MS) await sleep(STEP_MS);
}
