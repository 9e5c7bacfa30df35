import { io, type Socket } from 'socket.io-client';
import type { Position } from '../../shared/contract/position.ts';
import { positionOf } from '../../shared/contract/position.ts';
import {
  MARKETPLACE_NAMESPACE,
  type ClientToServerEvents,
  type HandshakeAuth,
  type ServerToClientEvents,
  type SessionStatePayload,
} from '../../shared/contract/socket-events.ts';
import { backoffMs } from '../../shared/lifecycle/backoff.ts';

export interface SocketProbeOptions {
  /** Origin of one replica of the socket service. */
  readonly url: string;
  /** Asked at every connect. */
  readonly token: () => Promise<string>;
  /** The newest position that has arrived from this replica: it must show nothing older again. */
  readonly seen: () => Position | undefined;
  readonly onConnected: () => void;
  readonly onDisconnected: (reason: string) => void;
  /** `code` is the gateway's own, or the transport's. */
  readonly onRefused: (code: string, error: Error) => void;
  /** How often a connection is given a fresh token, in ms: well before the one it has ends. */
  readonly tokenRefreshMs: number;
  /** Both emits of a connect have arrived; `receivedMs` is when the first did, monotonic. */
  readonly onConnect: (position: Position, receivedMs: number) => void;
}

const RECONNECT = { baseMs: 500, maxMs: 5_000 };

/**
 * A client of one replica of the socket service, as a browser is one: the same library, namespace and events. It comes
 * back by itself from every end of its connection, for ever, also from those after which Socket.IO would not.
 */
export class SocketProbe implements Disposable {
  readonly #options: SocketProbeOptions;
  readonly #socket: Socket<ServerToClientEvents, ClientToServerEvents>;
  readonly #refresh: NodeJS.Timeout;
  #connectedEmitMs: number | undefined;
  #refusals = 0;
  #retry: NodeJS.Timeout | undefined;

  constructor(options: SocketProbeOptions) {
    this.#options = options;
    this.#socket = io(`${options.url}${MARKETPLACE_NAMESPACE}`, {
      // Polling would need a balancer that keeps a client on its replica.
      transports: ['websocket'],
      forceNew: true,
      reconnectionDelay: RECONNECT.baseMs,
      reconnectionDelayMax: RECONNECT.maxMs,
      auth: (answer) => void this.#auth().then(answer),
    });
    this.#socket.on('connect', () => {
      this.#refusals = 0;
      options.onConnected();
    });
    this.#socket.on('disconnect', (reason) => {
      this.#connectedEmitMs = undefined;
      options.onDisconnected(reason);
      this.#comeBack();
    });
    this.#socket.on('connect_error', (error) => {
      options.onRefused(codeOf(error), error);
      this.#comeBack();
    });
    this.#socket.on('whatsapp-connected', () => {
      this.#connectedEmitMs = performance.now();
    });
    this.#socket.on('session-state', (payload) => this.#onState(payload));
    this.#refresh = setInterval(() => void this.#refreshToken(), options.tokenRefreshMs);
  }

  get connected(): boolean {
    return this.#socket.connected;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#retry);
    clearInterval(this.#refresh);
    this.#socket.removeAllListeners();
    this.#socket.disconnect();
  }

  /** A token that cannot be had is reported by the gateway's refusal: the socket waits for an answer in any case. */
  async #auth(): Promise<HandshakeAuth> {
    const seen = this.#options.seen();
    const token = await this.#options.token().catch(() => undefined);
    return { ...(token !== undefined && { token }), ...(seen && { seen }) };
  }

  /** Never rejects: without a fresh token the gateway ends the connection, which is reported then. */
  async #refreshToken(): Promise<void> {
    const { token } = await this.#auth();
    if (token !== undefined && this.#socket.connected) this.#socket.emit('refresh-token', { token });
  }

  /** `whatsapp-connected` is what flips pages; only the state that follows it says which connect it was. */
  #onState(payload: SessionStatePayload): void {
    const receivedMs = this.#connectedEmitMs;
    this.#connectedEmitMs = undefined;
    const position = positionOf(payload);
    if (receivedMs !== undefined && position) this.#options.onConnect(position, receivedMs);
  }

  /** Socket.IO does not try again after a refusal by the namespace or an end by the server. */
  #comeBack(): void {
    if (this.#socket.active || this.#retry) return;
    this.#retry = setTimeout(
      () => {
        this.#retry = undefined;
        this.#socket.connect();
      },
      backoffMs(this.#refusals, RECONNECT),
    );
    this.#refusals += 1;
  }
}

function codeOf(error: Error): string {
  const { data } = error as { data?: { code?: unknown } };
  return typeof data?.code === 'string' ? data.code : 'TRANSPORT';
}
