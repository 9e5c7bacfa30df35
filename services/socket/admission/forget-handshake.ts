import type { IncomingMessage } from 'node:http';
import type { MarketplaceSocket } from './marketplace-socket.ts';

/** Nobody asks for anything of it after the join. */
const FORGOTTEN: MarketplaceSocket['handshake'] = {
  headers: {},
  time: '',
  address: '',
  xdomain: false,
  secure: false,
  issued: 0,
  url: '',
  query: {},
  auth: {},
};

/**
 * Lets go of the HTTP request, its headers and the token: the join has taken from them what matters, and an idle browser
 * would pay for them as long as it stays, about 3 KB.
 * https://socket.io/docs/v4/performance-tuning/#discarding-the-initial-http-request
 */
export function forgetHandshake(socket: MarketplaceSocket): void {
  Object.assign(socket.conn, { request: undefined });
  Object.assign(socket, { handshake: FORGOTTEN });
}

/** The HTTP request that opened the connection; `undefined` once a browser has joined over it. */
export function requestOf({ conn }: MarketplaceSocket): IncomingMessage | undefined {
  return conn.request;
}
