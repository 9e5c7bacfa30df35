import {
  WA_CERT_DETAILS,
  initAuthCreds,
  type AuthenticationCreds,
  type UserFacingSocketConfig,
} from '@whiskeysockets/baileys';
import type { SessionStore } from '../store/session-store.ts';
import { toAccount, type Account } from './account.ts';
import { CredsSaver, readLinkedCreds, signalKeyStore } from './baileys-auth.ts';
import { quietLogger } from './baileys-logger.ts';
import { BaileysSocket } from './baileys-socket.ts';
import type {
  CompanionDevice,
  DeviceOwner,
  SocketListener,
  WhatsAppClient,
  WhatsAppSocket,
} from './companion-device.ts';
import type { ClientOptions } from './load-client.ts';

/**
 * WhatsApp through Baileys 7.0.0-rc14. A root key replaces WhatsApp's for the whole process; the configuration allows
 * one only together with a server that is not WhatsApp's.
 */
export class BaileysClient implements WhatsAppClient {
  readonly #store: SessionStore;
  readonly #config: Omit<UserFacingSocketConfig, 'auth'>;

  constructor(store: SessionStore, { config, logger, qrTimeoutMs }: ClientOptions) {
    const { url, rootKey, version } = config;
    this.#store = store;
    if (rootKey) WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(rootKey);
    this.#config = {
      logger: quietLogger(logger),
      // The phone goes on notifying its owner of messages.
      markOnlineOnConnect: false,
      syncFullHistory: false,
      ...(url && { waWebSocketUrl: url }),
      ...(qrTimeoutMs !== undefined && { qrTimeout: qrTimeoutMs }),
      ...(version && { version: [...version] }),
    };
  }

  async loadDevice(owner: DeviceOwner): Promise<CompanionDevice> {
    return new BaileysDevice(this.#store, this.#config, owner, await readLinkedCreds(this.#store, owner));
  }
}

class BaileysDevice implements CompanionDevice {
  readonly #store: SessionStore;
  readonly #config: Omit<UserFacingSocketConfig, 'auth'>;
  readonly #owner: DeviceOwner;
  readonly #saver: CredsSaver;
  #creds: AuthenticationCreds;

  constructor(
    store: SessionStore,
    config: Omit<UserFacingSocketConfig, 'auth'>,
    owner: DeviceOwner,
    creds: AuthenticationCreds | undefined,
  ) {
    this.#store = store;
    this.#config = config;
    this.#owner = owner;
    this.#saver = new CredsSaver(store, owner);
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

  open(listener: SocketListener): WhatsAppSocket {
    const creds = this.#creds;
    return new BaileysSocket({
      config: this.#config,
      auth: { creds, keys: signalKeyStore(this.#store, this.#owner) },
      listener,
      // A socket of credentials that were renewed since has nothing left to say.
      onCredentials: () => creds === this.#creds && this.#saver.save(creds),
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
