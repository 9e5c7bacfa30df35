import {
  makeWASocket,
  type AuthenticationState,
  type BaileysEventMap,
  type UserFacingSocketConfig,
} from '@whiskeysockets/baileys';
import { toAccount, type Account } from './account.ts';
import { toCloseReason, type SocketClose } from './close-reason.ts';
import type { SocketListener, WhatsAppSocket } from './companion-device.ts';
import { qrLifetimeMs } from './qr-lifetime.ts';

/** How long the server may take to answer a close frame. */
const CLOSE_TIMEOUT_MS = 1_500;

export interface BaileysSocketOptions {
  readonly config: Omit<UserFacingSocketConfig, 'auth'>;
  readonly auth: AuthenticationState;
  readonly listener: SocketListener;
  /** The credentials changed and are worth saving. */
  readonly onCredentials: () => void;
}

type Sock = ReturnType<typeof makeWASocket>;

/** One Baileys socket, from its first byte to its end. The connection is already being made when this returns. */
export class BaileysSocket implements WhatsAppSocket {
  readonly #sock: Sock;
  readonly #auth: AuthenticationState;
  readonly #listener: SocketListener;
  readonly #qrTimeoutMs: number | undefined;
  #qrsShown = 0;
  #over = false;
  #name: string | undefined;

  constructor({ config, auth, listener, onCredentials }: BaileysSocketOptions) {
    this.#auth = auth;
    this.#listener = listener;
    this.#qrTimeoutMs = config.qrTimeout;
    this.#name = auth.creds.me?.name;
    this.#sock = makeWASocket({ ...config, auth });
    boundClosing(this.#sock.ws);
    this.#sock.ev.on('creds.update', () => {
      onCredentials();
      this.#noticeName();
    });
    this.#sock.ev.on('connection.update', (update) => this.#onUpdate(update));
  }

  async logout(): Promise<void> {
    try {
      await this.#sock.logout();
    } catch {
      // Nobody could be told. The close is all that is left of the logout.
      const closed = this.close();
      this.#listener.onClose('logout-requested');
      await closed;
    }
  }

  async close(): Promise<void> {
    this.#over = true;
    const { ws } = this.#sock;
    const closed = closedOf(ws);
    // As if the server had closed: only then do queries under way end now instead of after their 60 s.
    ws.emit('close');
    await closed;
  }

  /** Fields repeat between updates and each may stand alone, so each is looked at by itself. */
  #onUpdate({ qr, isNewLogin, connection, lastDisconnect }: BaileysEventMap['connection.update']): void {
    if (this.#over) return;
    if (qr !== undefined) this.#showQr(qr);
    if (isNewLogin) this.#listener.onNewLogin(this.#account());
    if (connection === 'open') this.#listener.onOpen(this.#account());
    if (connection === 'close') {
      this.#over = true;
      this.#listener.onClose(toCloseReason(toSocketClose(lastDisconnect?.error)));
    }
  }

  #showQr(qr: string): void {
    const ttlMs = qrLifetimeMs(this.#qrsShown, this.#qrTimeoutMs);
    this.#qrsShown += 1;
    this.#listener.onQr(qr, ttlMs);
  }

  #noticeName(): void {
    const { me } = this.#auth.creds;
    if (this.#over || me?.name === this.#name) return;
    this.#name = me?.name;
    this.#listener.onAccount(this.#account());
  }

  #account(): Account {
    return toAccount(this.#auth.creds.me);
  }
}

function toSocketClose(error: Error | undefined): SocketClose {
  // A Boom, told by its shape: more than one version of that package is installed.
  const { output } = (error ?? {}) as { output?: { statusCode?: number } };
  return { statusCode: output?.statusCode, message: error?.message };
}

interface WebSocketLike {
  readonly readyState: number;
  once(event: 'close', listener: () => void): unknown;
  terminate(): void;
}

const CLOSED = 3;

/** The WebSocket inside Baileys' client, which keeps it to itself. */
function webSocketOf(client: Sock['ws']): WebSocketLike | undefined {
  const socket: unknown = Reflect.get(client, 'socket');
  return typeof socket === 'object' && socket !== null ? (socket as WebSocketLike) : undefined;
}

function closedOf(client: Sock['ws']): Promise<void> {
  const socket = webSocketOf(client);
  if (!socket || socket.readyState === CLOSED) return Promise.resolve();
  return new Promise((resolve) => {
    socket.once('close', resolve);
  });
}

/**
 * Baileys tells of a close only after the server has answered the close frame, for which `ws` waits 30 s; the server of
 * a line that was lost never does.
 */
function boundClosing(client: Sock['ws']): void {
  const close = client.close.bind(client);
  client.close = async () => {
    const timer = setTimeout(() => webSocketOf(client)?.terminate(), CLOSE_TIMEOUT_MS);
    try {
      await close();
    } finally {
      clearTimeout(timer);
    }
  };
}
