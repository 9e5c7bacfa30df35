import type { SessionStore } from '../store/session-store.ts';
import type { ClientOptions } from './baileys-client.ts';
import type { WhatsAppClient } from './companion-device.ts';
import { guardConsole } from './console-guard.ts';

/** Loads Baileys, behind the console guard: neither it nor libsignal has ever had the console when this resolves. */
export async function loadClient(store: SessionStore, options: ClientOptions): Promise<WhatsAppClient> {
  guardConsole();
  const { BaileysClient } = await import('./baileys-client.ts');
  return new BaileysClient(store, options);
}
