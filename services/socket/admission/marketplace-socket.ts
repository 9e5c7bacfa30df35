import type { Namespace, Server, Socket } from 'socket.io';
import type { ClientToServerEvents, ServerToClientEvents } from '../../../shared/contract/socket-events.ts';
import type { Identity } from '../auth.ts';

type NoServerEvents = Record<string, never>;

/** What the handshake leaves on a socket. */
interface SocketSession {
  identity: Identity;
}

export type MarketplaceServer = Server<ClientToServerEvents, ServerToClientEvents, NoServerEvents, SocketSession>;
export type MarketplaceNamespace = Namespace<ClientToServerEvents, ServerToClientEvents, NoServerEvents, SocketSession>;
export type MarketplaceSocket = Socket<ClientToServerEvents, ServerToClientEvents, NoServerEvents, SocketSession>;
