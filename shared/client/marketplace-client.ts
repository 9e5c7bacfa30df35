import { io, type Socket } from 'socket.io-client';
import {
  MARKETPLACE_NAMESPACE,
  type ClientToServerEvents,
  type HandshakeAuth,
  type ServerToClientEvents,
} from '../contract/socket-events.ts';
import type { ClientEvent, TokenRefusal } from './client-event.ts';
import { problemOf, refusalOf, refusalOfCode } from './refusal.ts';
import { SeenStates } from './seen-states.ts';
import { StatusPoll } from './status-poll.ts';
import { refreshDelayMs } from './token-claims.ts';

export type { SessionStatePayload } from '../contract/socket-events.ts';
export type { ClientEvent, Problem, TokenRefusal } from './client-event.ts';

export interface MarketplaceClientOptions {
  /** Where the gateway is, without a path: `https://wa.example.com`. By default where the page came from. */
  readonly address?: string | undefined;
  /** As the marketplace signed it. */
  readonly token: string;
  /**
   * Asked for a fresh token shortly before the present one ends, so that the connection goes on, and again when the
   * gateway says that it has expired. There `undefined` ends the client with `refused`, and a rejection is tried again
   * with the next connect. Without this function an expired token is the end.
   */
  readonly refreshToken?: (() => string | undefined | Promise<string | undefined>) | undefined;
  /** Since when somebody waits for the connect, in ms since the epoch; asked at every handshake, for the operators' metrics. */
  readonly waitingSince?: (() => number | undefined) | undefined;
  /** A gateway that restarts is found again within this, in ms; the first try comes after a fifth of it. Default 5 s. */
  readonly longestReconnectDelayMs?: number | undefined;
  /** `GET /status` is asked once the socket has not come up for this long, in ms. Default 10 s. */
  readonly pollAfterMs?: number | undefined;
  /** Between an answer of `GET /status` and the next question, in ms. Default 5 s. */
  readonly pollEveryMs?: number | undefined;
}

/**
 * A browser's connection to the gateway. Needs no DOM, only `WebSocket` or `XMLHttpRequest`, and `fetch`.
 *
 * It promises that subscribers never get a state older than one they got before; that states are acknowledged after all
 * subscribers had them; and that it comes back for ever: after a lost line, after the gateway ended the connection and
 * after a refusal by the namespace, where Socket.IO by itself would give up. Only a refused token ends it. While the socket
 * does not come up, states come from `GET /status` instead, without QR and code.
 *
 * ```ts
 * const client = new MarketplaceClient({ address: 'https://wa.example.com', token, refreshToken: fetchToken });
 * client.subscribe((event) => {
 *   if (event.kind === 'session' && event.payload.state === 'connected') showDone(event.payload.phone);
 * });
 * client.connect();
 * ```
 */
export class MarketplaceClient implements Disposable {
  readonly #options: MarketplaceClientOptions;
  readonly #socket: Socket<ServerToClientEvents, ClientToServerEvents>;
  readonly #poll: StatusPoll;
  readonly #longestDelayMs: number;
  readonly #listeners = new Set<(event: ClientEvent) => void>();
  readonly #seen = new SeenStates();
  #token: string;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #renewal: ReturnType<typeof setTimeout> | undefined;
  #isWanted = false;
  #isRefreshing = false;
  /** A fresh token that is refused as well must not be replaced in a tight circle. */
  #isTokenUntried = false;

  constructor(options: MarketplaceClientOptions) {
    const { address = '', token, longestReconnectDelayMs = 5_000, pollAfterMs = 10_000, pollEveryMs = 5_000 } = options;
    this.#options = options;
    this.#token = token;
    this.#longestDelayMs = longestReconnectDelayMs;
    this.#socket = io(`${address}${MARKETPLACE_NAMESPACE}`, {
      autoConnect: false,
      forceNew: true,
      auth: (answer) => answer(this.#auth()),
      // WebSocket first needs no stickiness at a balancer; polling remains for networks that break it.
      transports: ['websocket', 'polling'],
      tryAllTransports: true,
      reconnectionDelay: longestReconnectDelayMs / 5,
      reconnectionDelayMax: longestReconnectDelayMs,
    });
    this.#poll = new StatusPoll({
      address,
      token: () => this.#token,
      afterMs: pollAfterMs,
      everyMs: pollEveryMs,
      onState: (payload) => {
        if (this.#seen.admit(payload)) this.#tell({ kind: 'session', payload, receivedAtMs: Date.now(), via: 'poll' });
      },
      onRefused: (refusal) => this.#onRefused(refusal),
    });
    this.#listen();
  }

  /** Reports everything from now on, until the returned function is called. Listeners are called synchronously and must not throw. */
  subscribe(listener: (event: ClientEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Opens the socket and keeps it open. Subscribe first. */
  connect(): void {
    this.#isWanted = true;
    this.#poll.start();
    this.#socket.connect();
  }

  /** Asks for a new QR. False when the socket is not open: nothing is sent later by surprise. */
  requestQr(): boolean {
    if (!this.#socket.connected) return false;
    this.#socket.emit('request-qr');
    return true;
  }

  /**
   * Asks for a pairing code for the phone with this number, in any punctuation. The answer is a state with `code`, or
   * `code-refused`. False when the socket is not open: nothing is sent later by surprise.
   */
  requestPairingCode(phoneNumber: string): boolean {
    if (!this.#socket.connected) return false;
    this.#socket.emit('request-pairing-code', { phoneNumber });
    return true;
  }

  /** Drops the socket, should there be one, and opens a new one now. For a browser that was asleep or is online again. */
  reopen(): void {
    if (!this.#isWanted) return;
    clearTimeout(this.#retry);
    this.#socket.disconnect().connect();
  }

  /** Ends for good; nothing is reported afterwards. */
  close(): void {
    this.#listeners.clear();
    this.#end();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #end(): void {
    this.#isWanted = false;
    clearTimeout(this.#retry);
    clearTimeout(this.#renewal);
    this.#poll.stop();
    this.#socket.disconnect();
  }

  #auth(): HandshakeAuth {
    const waitingSince = this.#options.waitingSince?.();
    return {
      token: this.#token,
      acknowledges: true,
      ...(waitingSince !== undefined && { waitingSince }),
      ...(this.#seen.newest && { seen: this.#seen.newest }),
    };
  }

  #tell(event: ClientEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #listen(): void {
    const socket = this.#socket;
    socket.on('connect', () => {
      this.#isTokenUntried = false;
      this.#poll.stop();
      this.#renewInTime();
      this.#tell({ kind: 'opened' });
    });
    socket.on('disconnect', (reason) => {
      if (!this.#isWanted) return;
      clearTimeout(this.#renewal);
      this.#poll.start();
      this.#tell({ kind: 'lost' });
      if (reason === 'io server disconnect' && !this.#isRefreshing) this.#connectLater();
    });
    socket.on('connect_error', (error) => this.#onConnectError(error));
    socket.on('session-state', (payload, acknowledge) => {
      if (this.#seen.admit(payload)) this.#tell({ kind: 'session', payload, receivedAtMs: Date.now(), via: 'socket' });
      acknowledge?.();
    });
    // Says nothing that `session-state` does not; an acknowledgement may be waited for all the same.
    socket.on('whatsapp-connected', (_payload, acknowledge) => acknowledge?.());
    socket.on('pairing-code-error', ({ code }) => this.#tell({ kind: 'code-refused', code }));
    socket.on('gateway-status', ({ live }) => this.#tell({ kind: 'live', isLive: live }));
    socket.on('error', ({ code }) => this.#onError(code));
  }

  #onError(code: string | undefined): void {
    const refusal = refusalOfCode(code);
    if (refusal !== undefined) {
      this.#onRefused(refusal);
      return;
    }
    const problem = problemOf(code);
    if (problem !== undefined) this.#tell({ kind: 'problem', problem });
  }

  #onConnectError(error: Error): void {
    const refusal = refusalOf(error);
    if (refusal !== undefined) this.#onRefused(refusal);
    // Inactive: the namespace refused and Socket.IO will not try again. Otherwise it is already doing so.
    else if (!this.#socket.active) this.#connectLater();
  }

  #onRefused(refusal: TokenRefusal): void {
    if (refusal === 'token-expired' && this.#options.refreshToken !== undefined) {
      if (!this.#isRefreshing) void this.#refresh(this.#options.refreshToken);
      return;
    }
    this.#end();
    this.#tell({ kind: 'refused', refusal });
  }

  /** Never rejects. */
  async #refresh(refreshToken: NonNullable<MarketplaceClientOptions['refreshToken']>): Promise<void> {
    this.#isRefreshing = true;
    const token = await askForToken(refreshToken);
    this.#isRefreshing = false;
    if (!this.#isWanted) return;
    if (token === undefined) {
      this.#end();
      this.#tell({ kind: 'refused', refusal: 'token-expired' });
      return;
    }
    if (token === 'unavailable') {
      this.#connectLater();
      return;
    }
    this.#token = token.fresh;
    if (this.#isTokenUntried) this.#connectLater();
    else this.reopen();
    this.#isTokenUntried = true;
  }

  /** The gateway takes a fresh token during the connection: nobody leaves the room. */
  #renewInTime(): void {
    clearTimeout(this.#renewal);
    const { refreshToken } = this.#options;
    const delayMs = refreshToken && refreshDelayMs(this.#token, Date.now());
    if (delayMs !== undefined) this.#renewal = setTimeout(() => void this.#renew(refreshToken), delayMs);
  }

  /** Never rejects. What fails here is done again when the present token has ended. */
  async #renew(refreshToken: MarketplaceClientOptions['refreshToken']): Promise<void> {
    const token = refreshToken && (await askForToken(refreshToken));
    if (typeof token !== 'object' || token.fresh === this.#token || !this.#socket.connected) return;
    this.#socket.emit('refresh-token', { token: token.fresh }, (reply) => {
      if (!reply.ok) return;
      this.#token = token.fresh;
      this.#renewInTime();
    });
  }

  #connectLater(): void {
    clearTimeout(this.#retry);
    const delayMs = this.#longestDelayMs * (0.2 + 0.8 * Math.random());
    this.#retry = setTimeout(() => this.reopen(), delayMs);
  }
}

async function askForToken(
  refreshToken: NonNullable<MarketplaceClientOptions['refreshToken']>,
): Promise<{ readonly fresh: string } | 'unavailable' | undefined> {
  try {
    const fresh = await refreshToken();
    return fresh === undefined ? undefined : { fresh };
  } catch {
    // Whoever makes tokens cannot be reached now; the line that the client needs is probably the same one.
    return 'unavailable';
  }
}
