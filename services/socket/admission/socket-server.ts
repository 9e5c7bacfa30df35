import type { Server as HttpServer } from 'node:http';
import { Server } from 'socket.io';
import { MARKETPLACE_NAMESPACE } from '../../../shared/contract/socket-events.ts';
import type { Limits } from '../limits.ts';
import type { ConnectionInstruments } from '../telemetry/connection-instruments.ts';
import type { Handshakes } from './handshakes.ts';
import type { MarketplaceNamespace, MarketplaceServer } from './marketplace-socket.ts';
import type { Origins } from './origins.ts';
import { webSocketEngine } from './web-socket-engine.ts';

export interface SocketServerParts {
  readonly origins: Origins;
  readonly handshakes: Handshakes;
  readonly instruments: ConnectionInstruments;
  readonly limits: Limits;
}

/**
 * Socket.IO on the HTTP server. Connection state recovery stays off: it skips the namespace middleware, and the snapshot
 * on join replaces it. `close` ends every connection in a way that clients come back from by themselves.
 */
export function createSocketServer(
  http: HttpServer,
  { origins, handshakes, instruments, limits }: SocketServerParts,
): { readonly namespace: MarketplaceNamespace; readonly close: () => Promise<void> } {
  const io: MarketplaceServer = new Server(http, {
    serveClient: false,
    maxHttpBufferSize: limits.maxMessageBytes,
    connectTimeout: limits.joinTimeoutMs,
    wsEngine: webSocketEngine(limits.closeTimeoutMs),
    allowRequest: handshakes.allowRequest,
    // Who may come is decided by `allowRequest`; this only tells browsers of it.
    cors: { origin: (origin, answer) => answer(null, origins.allows(origin, undefined)), credentials: true },
  });
  io.engine.on('connection', handshakes.follow);
  io.use((_socket, next) => {
    instruments.rejected('UNKNOWN_NAMESPACE');
    next(new Error(`use the namespace ${MARKETPLACE_NAMESPACE}`));
  });
  const namespace: MarketplaceNamespace = io.of(MARKETPLACE_NAMESPACE);
  namespace.use((socket, next) => {
    const answer = async () => next(await handshakes.refusalOf(socket));
    void answer();
  });
  return { namespace, close: () => closeWithin(io, http, limits.closeTimeoutMs) };
}

/** Upgraded connections are no longer the HTTP server's to cut; the engine does it. */
async function closeWithin(io: MarketplaceServer, http: HttpServer, timeoutMs: number): Promise<void> {
  const cut = setTimeout(() => http.closeAllConnections(), timeoutMs);
  await io.close();
  clearTimeout(cut);
}
