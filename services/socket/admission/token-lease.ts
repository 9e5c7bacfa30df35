import type { TokenRefreshReply } from '../../../shared/contract/socket-events.ts';
import { LONGEST_TIMER_MS } from '../../../shared/lifecycle/longest-timer.ts';
import type { Identity } from '../auth.ts';
import type { MarketplaceSocket } from './marketplace-socket.ts';

export interface TokenLeaseOptions {
  /** Aborted when the browser has left. */
  readonly left: AbortSignal;
  /** Checks a fresh token for this socket; rejects with an error that carries a `code`. */
  readonly renew: (socket: MarketplaceSocket, token: string | undefined) => Promise<Identity>;
  readonly onExpired: () => void;
}

/** Ends a connection with its token, unless the browser sends a fresh one of the same salon before. */
export function holdToken(socket: MarketplaceSocket, { left, renew, onExpired }: TokenLeaseOptions): void {
  let timer: NodeJS.Timeout | undefined;
  let isRenewing = false;
  const hold = () => {
    clearTimeout(timer);
    const leftMs = socket.data.identity.expiresAtMs - Date.now();
    // A token that outlives the longest timer is looked at again when that fires.
    timer = setTimeout(leftMs > LONGEST_TIMER_MS ? hold : onExpired, Math.min(Math.max(0, leftMs), LONGEST_TIMER_MS));
  };
  left.addEventListener('abort', () => clearTimeout(timer), { once: true });
  const refresh = async (payload: unknown): Promise<TokenRefreshReply> => {
    if (isRenewing) return { ok: false, code: 'REQUEST_IN_PROGRESS', message: 'a token is being checked already' };
    isRenewing = true;
    try {
      const identity = await renew(socket, tokenOf(payload));
      if (left.aborted) return { ok: false, code: 'TOKEN_EXPIRED', message: 'the connection has ended' };
      socket.data.identity = identity;
      hold();
      return { ok: true, expiresAt: identity.expiresAtMs };
    } catch (error) {
      return { ok: false, code: codeOf(error), message: error instanceof Error ? error.message : 'refused' };
    } finally {
      isRenewing = false;
    }
  };
  hold();
  socket.on('refresh-token', (payload: unknown, second: unknown) => {
    const acknowledge = second ?? payload;
    // Never rejects. Whoever wants no answer gets none.
    void refresh(payload).then((reply) => {
      if (isAcknowledge(acknowledge)) acknowledge(reply);
    });
  });
}

/** Socket.IO's own function that answers an event; a client that wants no answer makes it send none. */
export function isAcknowledge(value: unknown): value is (reply: TokenRefreshReply) => void {
  return typeof value === 'function';
}

/** Whatever a client sends. */
function tokenOf(payload: unknown): string | undefined {
  if (typeof payload !== 'object' || payload === null || !('token' in payload)) return undefined;
  return typeof payload.token === 'string' ? payload.token : undefined;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'INTERNAL';
}
