import type { Logger } from '../../../shared/telemetry/logger.ts';
import type { WhatsAppConfig } from '../config.ts';
import type { SessionStore } from '../store/session-store.ts';
import type { WhatsAppClient } from './companion-device.ts';
import { guardConsole } from './console-guard.ts';
import type { SocketTimes } from './socket-times.ts';

export interface ClientOptions {
  readonly config: WhatsAppConfig['whatsapp'];
  readonly logger: Logger;
  /** In place of the service's own. */
  readonly times?: Partial<SocketTimes> | undefined;
  /** Where the newest version of WhatsApp Web is told; beside the WebSocket when absent. */
  readonly versionUrl?: URL | undefined;
}

/** Loads Baileys, behind the console guard: neither it nor libsignal has ever had the console when this resolves. */
export async function loadClient(store: SessionStore, options: ClientOptions): Promise<WhatsAppClient> {
  guardConsole();
  const { BaileysClient } = await import('./baileys-client.ts');
  return new BaileysClient(store, options);
}
