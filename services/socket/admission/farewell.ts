import { setTimeout as sleep } from 'node:timers/promises';
import type { MarketplaceNamespace } from './marketplace-socket.ts';

const STEP_MS = 50;
/** Browsers that another replica can take in one step without noticing: 500 a second. */
const AT_ONCE = 25;

/**
 * Ends the connections of all browsers so that they open a new one by themselves, spread over at most `withinMs`: a few at
 * once, thousands evenly, because every one of them joins a room elsewhere. Those that wait keep getting events.
 */
export async function sendAway(namespace: MarketplaceNamespace, withinMs: number): Promise<void> {
  const waiting = [...namespace.sockets.values()];
  const perStep = Math.max(AT_ONCE, Math.ceil((waiting.length * STEP_MS) / Math.max(STEP_MS, withinMs)));
  while (waiting.length > 0) {
    // Without a word of Socket.IO's own: told by the server to go, its clients stay away.
    for (const socket of waiting.splice(0, perStep)) socket.conn.close();
    if (waiting.length > 0) await sleep(STEP_MS);
  }
}
