import type { Namespace, Server, Socket } from 'socket.io';
import type { ClientToServerEvents, ServerToClientEvents } from '../../../shared/contract/socket-events.ts';
import type { Identity } from '../auth.ts';
import type { Room, Viewer } from '../rooms.ts';

type NoServerEvents = Record<string, never>;

/** What is known of a browser: with it the listeners of all browsers are the same functions. */
interface SocketSession {
  /** Left by the handshake. */
  identity: Identity;
  /** Left by the join. */
  room: Room;
  viewer: Viewer;
}

export type MarketplaceServer = Server<ClientToServerEvents, ServerToClientEvents, NoServerEvents, SocketSession>;
export type MarketplaceNamespace = Namespace<ClientToServerEvents, ServerToClientEvents, NoServerEvents, SocketSession>;
export type MarketplaceSocket = Socket<ClientToServerEvents, ServerToClientEvents, NoServerEvents, SocketSession>;
