import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type ServerOptions, type WebSocket } from 'ws';

/** For Engine.IO's `wsEngine`: a client that does not answer the closing handshake for so long, in ms, is cut. */
export function webSocketEngine(closeTimeout: number): new (options: ServerOptions) => WebSocketServer {
  return class WebSocketEngine extends WebSocketServer {
    constructor(options: ServerOptions) {
      // The types of `ws` lack the option. https://github.com/websockets/ws/blob/8.23.0/doc/ws.md
      const withTimeout = { ...options, closeTimeout };
      super(withTimeout);
    }

    /**
     * Engine.IO 6.6 holds the HTTP request of an upgrade, nearly 3 KB, for as long as the connection lasts: by a listener
     * that would tell HTTP middlewares of its end. There are none, and nobody else listens before the connection is open.
     */
    override handleUpgrade(
      request: IncomingMessage,
      connection: Duplex,
      head: Buffer,
      onOpen: (socket: WebSocket, request: IncomingMessage) => void,
    ): void {
      // One by one: after `removeAllListeners` Node 24 keeps the others in a slower object of seven times the size.
      for (const listener of connection.listeners('close')) {
        connection.removeListener('close', listener as () => void);
      }
      super.handleUpgrade(request, connection, head, onOpen);
    }
  };
}
