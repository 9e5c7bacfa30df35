import { createRequire } from 'node:module';
import {
  initAuthCreds,
  makeWASocket,
  WA_CERT_DETAILS,
  type AuthenticationState,
  type ConnectionState,
  type SignalDataTypeMap,
  type UserFacingSocketConfig,
  type WASocket,
} from '@whiskeysockets/baileys';
import { Curve, generateSignalPubKey } from '@whiskeysockets/baileys/lib/Utils/crypto.js';
import pino from 'pino';
import { waitFor } from './wait-for.ts';

type Verify = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;

const baileysRequire = createRequire(import.meta.resolve('@whiskeysockets/baileys'));
const { verifySignature } = baileysRequire('libsignal/src/curve.js') as { verifySignature: Verify };

/**
 * Makes Baileys of this process trust certificates of `rootKey` and nothing else. Baileys 7.0.0-rc14 calls libsignal's
 * check and ignores what it answers, so that any well-formed chain and account signature would pass.
 */
export function trustStrictly(rootKey: Buffer): void {
  WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(rootKey);
  Curve.verify = (publicKey, message, signature) => {
    try {
      return verifySignature(generateSignalPubKey(publicKey), message, signature);
    } catch {
      // libsignal throws for keys and signatures of the wrong size.
      return false;
    }
  };
}

/** Credentials that live in memory; what one client saved, the next one starts from. */
export function createAuth(): AuthenticationState {
  const rows = new Map<string, unknown>();
  return {
    creds: initAuthCreds(),
    keys: {
      get: <T extends keyof SignalDataTypeMap>(type: T, ids: string[]) => {
        const found = ids.flatMap((id) => (rows.has(`${type}/${id}`) ? [[id, rows.get(`${type}/${id}`)]] : []));
        return Object.fromEntries(found) as Record<string, SignalDataTypeMap[T]>;
      },
      set: (batch) => {
        for (const [type, values] of Object.entries(batch)) {
          for (const [id, value] of Object.entries(values ?? {})) rows.set(`${type}/${id}`, value);
        }
      },
    },
  };
}

export interface BaileysClientOptions {
  readonly url: string;
  readonly auth?: AuthenticationState;
  /** Replaces the life of every QR, in ms. */
  readonly qrTimeoutMs?: number;
  /** Other settings of Baileys. */
  readonly config?: Partial<UserFacingSocketConfig>;
}

/** An unmodified Baileys socket with its story so far. */
export class BaileysClient implements AsyncDisposable {
  readonly auth: AuthenticationState;
  readonly socket: WASocket;
  readonly qrs: string[] = [];
  readonly #updates: Partial<ConnectionState>[] = [];

  constructor({ url, auth = createAuth(), qrTimeoutMs, config }: BaileysClientOptions) {
    this.auth = auth;
    this.socket = makeWASocket({
      auth,
      waWebSocketUrl: url,
      logger: pino({ level: 'silent' }),
      ...(qrTimeoutMs !== undefined && { qrTimeout: qrTimeoutMs }),
      ...config,
    });
    this.socket.ev.on('creds.update', (update) => void Object.assign(auth.creds, update));
    this.socket.ev.on('connection.update', (update) => {
      this.#updates.push(update);
      if (update.qr !== undefined) this.qrs.push(update.qr);
    });
  }

  get isOpen(): boolean {
    return this.#updates.some(({ connection }) => connection === 'open');
  }

  get isLinked(): boolean {
    return this.#updates.some(({ isNewLogin }) => isNewLogin === true);
  }

  /** The QR number `count` that this client shows, from 1. */
  async qr(count = 1): Promise<string> {
    return waitFor(() => this.qrs[count - 1], { what: `QR ${count}` });
  }

  /** Resolves when open; rejects when the client closes instead. */
  async opened(): Promise<void> {
    await waitFor(() => this.isOpen || this.#ending() !== undefined, { what: 'open' });
    if (!this.isOpen) throw new Error(`closed with ${(await this.closed()).status}`);
  }

  /** Resolves when what Baileys held back at a login, changed credentials too, is told: once the device has its backlog. */
  async caughtUp(): Promise<void> {
    const isOver = () =>
      this.#updates.some(({ receivedPendingNotifications }) => receivedPendingNotifications === true);
    await waitFor(isOver, { what: 'the backlog to be over' });
  }

  /** How the connection ended: Baileys' status code, its message, and the reason the server named. */
  async closed(): Promise<{ readonly status: number; readonly message: string; readonly detail: string }> {
    const ending = await waitFor(() => this.#ending(), { what: 'close' });
    const error = ending.lastDisconnect?.error;
    const boom = error as { output?: { statusCode: number }; data?: unknown } | undefined;
    return {
      status: boom?.output?.statusCode ?? 0,
      message: error?.message ?? '',
      detail: JSON.stringify(boom?.data ?? {}),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // `end` is idempotent; it rejects nothing and emits the close.
    await this.socket.end(undefined);
  }

  #ending(): Partial<ConnectionState> | undefined {
    return this.#updates.find(({ connection }) => connection === 'close');
  }
}
