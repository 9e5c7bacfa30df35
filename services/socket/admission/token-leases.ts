import type { TokenRefreshReply } from '../../../shared/contract/socket-events.ts';
import { LONGEST_TIMER_MS } from '../../../shared/lifecycle/longest-timer.ts';
import type { Identity } from '../auth.ts';
import type { MarketplaceNamespace, MarketplaceSocket } from './marketplace-socket.ts';

export interface TokenLeasesOptions {
  readonly namespace: MarketplaceNamespace;
  /** Checks a fresh token for this socket; rejects with an error that carries a `code`. */
  readonly renew: (socket: MarketplaceSocket, token: string | undefined) => Promise<Identity>;
  /** Must end the connection. */
  readonly onExpired: (socket: MarketplaceSocket) => void;
}

/**
 * Ends connections with their tokens, unless the browser sends a fresh one of the same salon before. One timer waits for
 * the token that ends first: all of them end on whole seconds, so there is one look at all browsers a second at most.
 */
export class TokenLeases implements Disposable {
  readonly #options: TokenLeasesOptions;
  readonly #renewing = new Set<MarketplaceSocket>();
  #timer: NodeJS.Timeout | undefined;
  /** When the timer fires, in ms since the epoch. */
  #nextMs = Infinity;

  constructor(options: TokenLeasesOptions) {
    this.#options = options;
  }

  /** A browser has joined. */
  hold({ data }: MarketplaceSocket): void {
    const { expiresAtMs } = data.identity;
    if (expiresAtMs >= this.#nextMs) return;
    this.#nextMs = expiresAtMs;
    clearTimeout(this.#timer);
    const leftMs = Math.max(0, expiresAtMs - Date.now());
    this.#timer = setTimeout(() => this.#look(), Math.min(leftMs, LONGEST_TIMER_MS));
  }

  /** Puts a fresh token in the place of the browser's present one, if it is valid. Never rejects. */
  async renew(socket: MarketplaceSocket, payload: unknown): Promise<TokenRefreshReply> {
    if (this.#renewing.has(socket)) {
      return { ok: false, code: 'REQUEST_IN_PROGRESS', message: 'a token is being checked already' };
    }
    this.#renewing.add(socket);
    try {
      const identity = await this.#options.renew(socket, tokenOf(payload));
      if (!socket.connected) return { ok: false, code: 'TOKEN_EXPIRED', message: 'the connection has ended' };
      socket.data.identity = identity;
      this.hold(socket);
      return { ok: true, expiresAt: identity.expiresAtMs };
    } catch (error) {
      return { ok: false, code: codeOf(error), message: error instanceof Error ? error.message : 'refused' };
    } finally {
      this.#renewing.delete(socket);
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #look(): void {
    const { namespace, onExpired } = this.#options;
    const nowMs = Date.now();
    this.#nextMs = Infinity;
    let first: MarketplaceSocket | undefined;
    for (const socket of namespace.sockets.values()) {
      if (expiryOf(socket) <= nowMs) onExpired(socket);
      else if (first === undefined || expiryOf(socket) < expiryOf(first)) first = socket;
    }
    if (first) this.hold(first);
  }
}

function expiryOf({ data }: MarketplaceSocket): number {
  return data.identity.expiresAtMs;
}

/** Whatever a client sends. */
function tokenOf(payload: unknown): string | undefined {
  if (typeof payload !== 'object' || payload === null || !('token' in payload)) return undefined;
  return typeof payload.token === 'string' ? payload.token : undefined;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'INTERNAL';
}
