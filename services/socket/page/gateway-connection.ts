import { io, type Socket } from 'socket.io-client';
import {
  MARKETPLACE_NAMESPACE,
  type ClientToServerEvents,
  type HandshakeAuth,
  type ServerToClientEvents,
} from '../../../shared/contract/socket-events.ts';
import type { OnboardingEvent, Refusal } from './onboarding-model.ts';
import { problemOf, refusalOf } from './refusal.ts';

export interface GatewayConnectionOptions {
  /** Where the gateway is, without a path; by default where the page came from. */
  readonly address?: string;
  /** A gateway that restarts is found again within this, in ms; the first try comes after a fifth of it. Default 5 s. */
  readonly longestReconnectDelayMs?: number;
  /** Asked at every handshake, so that a reconnect says what has been seen by then. */
  readonly auth: () => HandshakeAuth;
  readonly onEvent: (event: OnboardingEvent) => void;
}

/**
 * The page's socket. It reconnects for ever, also where Socket.IO by itself gives up: after a refusal by the namespace
 * and after the server ended the connection. Only a refusal that waiting cannot heal stops it.
 */
export class GatewayConnection {
  readonly #socket: Socket<ServerToClientEvents, ClientToServerEvents>;
  readonly #onEvent: (event: OnboardingEvent) => void;
  readonly #longestDelayMs: number;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor({ auth, onEvent, address = '', longestReconnectDelayMs = 5_000 }: GatewayConnectionOptions) {
    this.#onEvent = onEvent;
    this.#longestDelayMs = longestReconnectDelayMs;
    this.#socket = io(`${address}${MARKETPLACE_NAMESPACE}`, {
      auth: (answer) => answer(auth()),
      // WebSocket first needs no stickiness at a balancer; polling remains for networks that break it.
      transports: ['websocket', 'polling'],
      tryAllTransports: true,
      reconnectionDelay: longestReconnectDelayMs / 5,
      reconnectionDelayMax: longestReconnectDelayMs,
    });
    this.#listen();
  }

  requestQr(): void {
    this.#socket.emit('request-qr');
  }

  /** Drops the socket, should there be one, and opens a new one now. */
  reopen(): void {
    this.#socket.disconnect().connect();
  }

  /** Ends for good. */
  close(): void {
    clearTimeout(this.#retry);
    this.#socket.disconnect();
  }

  #listen(): void {
    const socket = this.#socket;
    socket.on('connect', () => this.#onEvent({ kind: 'opened' }));
    socket.on('disconnect', (reason) => {
      this.#onEvent({ kind: 'lost' });
      if (reason === 'io server disconnect') this.#connectLater();
    });
    socket.on('connect_error', (error) => this.#onRefused(refusalOf(error)));
    socket.on('session-state', (payload, acknowledge) => {
      this.#onEvent({ kind: 'session', payload, wallClockMs: Date.now() });
      acknowledge?.();
    });
    // Says nothing that `session-state` does not; an acknowledgement may be waited for all the same.
    socket.on('whatsapp-connected', (_payload, acknowledge) => acknowledge?.());
    socket.on('error', ({ code }) => {
      const problem = problemOf(code);
      if (problem !== undefined) this.#onEvent({ kind: 'problem', problem });
    });
  }

  #onRefused(refusal: Refusal | undefined): void {
    if (refusal !== undefined) {
      this.#socket.disconnect();
      this.#onEvent({ kind: 'refused', refusal });
      return;
    }
    // Inactive: the namespace refused and Socket.IO will not try again. Otherwise it is already doing so.
    if (!this.#socket.active) this.#connectLater();
  }

  #connectLater(): void {
    clearTimeout(this.#retry);
    const delayMs = this.#longestDelayMs * (0.2 + 0.8 * Math.random());
    this.#retry = setTimeout(() => this.#socket.connect(), delayMs);
  }
}
