import {
  WA_CERT_DETAILS,
  initAuthCreds,
  type AuthenticationCreds,
  type UserFacingSocketConfig,
} from '@whiskeysockets/baileys';
import type { Logger } from '../../../shared/telemetry/logger.ts';
import type { WhatsAppConfig } from '../config.ts';
import type { SessionStore } from '../store/session-store.ts';
import { toAccount, type Account } from './account.ts';
import { CredsSaver, readLinkedCreds, signalKeyStore } from './baileys-auth.ts';
import { quietLogger } from './baileys-logger.ts';
import { BaileysSocket } from './baileys-socket.ts';
import { ClientVersion, versionUrlOf } from './client-version.ts';
import type {
  CompanionDevice,
  DeviceOwner,
  OpenOptions,
  SocketListener,
  WhatsAppClient,
  WhatsAppSocket,
} from './companion-device.ts';
import { OpeningGate } from './opening-gate.ts';
import { QueuedSocket } from './queued-socket.ts';
import { SOCKET_TIMES, type SocketTimes } from './socket-times.ts';

/** Sockets that are being opened at the same time: each costs up to 0.3 s of this process and some round trips. */
const OPENING_PLACES = 16;

export interface ClientOptions {
  readonly config: WhatsAppConfig['whatsapp'];
  readonly logger: Logger;
  /** In place of the service's own. */
  readonly times?: Partial<SocketTimes> | undefined;
  /** Where the newest version of WhatsApp Web is told; beside the WebSocket when absent. */
  readonly versionUrl?: URL | undefined;
}

/** What all devices of this process share. */
interface Shared {
  readonly store: SessionStore;
  readonly config: Omit<UserFacingSocketConfig, 'auth'>;
  readonly times: SocketTimes;
  readonly version: ClientVersion;
  readonly gate: OpeningGate;
}

/**
 * WhatsApp through Baileys 7.0.0-rc14. A root key replaces WhatsApp's for the whole process; the configuration allows
 * one only together with a server that is not WhatsApp's.
 */
export class BaileysClient implements WhatsAppClient {
  readonly #shared: Shared;

  constructor(store: SessionStore, { config, logger, times, versionUrl }: ClientOptions) {
    const { url, rootKey, version: pinned } = config;
    if (rootKey) WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(rootKey);
    this.#shared = {
      store,
      config: {
        logger: quietLogger(logger),
        // The phone goes on notifying its owner of messages.
        markOnlineOnConnect: false,
        syncFullHistory: false,
        ...(url && { waWebSocketUrl: url }),
      },
      times: { ...SOCKET_TIMES, ...times },
      version: new ClientVersion({ pinned, url: versionUrl ?? versionUrlOf(url), logger }),
      gate: new OpeningGate(OPENING_PLACES),
    };
  }

  async loadDevice(owner: DeviceOwner): Promise<CompanionDevice> {
    return new BaileysDevice(this.#shared, owner, await readLinkedCreds(this.#shared.store, owner));
  }
}

class BaileysDevice implements CompanionDevice {
  readonly #shared: Shared;
  readonly #owner: DeviceOwner;
  readonly #saver: CredsSaver;
  #creds: AuthenticationCreds;

  constructor(shared: Shared, owner: DeviceOwner, creds: AuthenticationCreds | undefined) {
    this.#shared = shared;
    this.#owner = owner;
    this.#saver = new CredsSaver(shared.store, owner);
    this.#creds = creds ?? initAuthCreds();
  }

  get linked(): boolean {
    return this.#creds.account !== undefined;
  }

  get account(): Account {
    return toAccount(this.#creds.me);
  }

  renew(): void {
    this.#saver.forget();
    this.#creds = initAuthCreds();
  }

  open(listener: SocketListener, { isAwaited, renewVersion }: OpenOptions): WhatsAppSocket {
    const creds = this.#creds;
    const { gate, version, config, times, store } = this.#shared;
    return new QueuedSocket({
      gate,
      isAwaited,
      listener,
      prepare: renewVersion ? () => version.renew() : undefined,
      open: (told) =>
        new BaileysSocket({
          config: { ...config, ...(version.current && { version: [...version.current] }) },
          times,
          auth: { creds, keys: signalKeyStore(store, this.#owner) },
          listener: told,
          // A socket of credentials that were renewed since has nothing left to say.
          onCredentials: () => creds === this.#creds && this.#saver.save(creds),
        }),
    });
  }

  async flush(timeoutMs: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(resolve, timeoutMs, false);
    void this.#saver.flush().then(() => resolve(true));
    return promise.finally(() => clearTimeout(timer));
  }

  dispose(): void {
    this.#saver.dispose();
  }
}
