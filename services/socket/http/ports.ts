import { createServer, type Server } from 'node:http';
import type Koa from 'koa';
import { closeServer, listen } from '../../../shared/http/listen.ts';
import type { SocketConfig } from '../config.ts';
import type { Limits } from '../limits.ts';
import { createAdminApp, createPublicApp, type RouteParts } from '../routes.ts';

export interface OpenPorts {
  /** Browsers' side. */
  readonly http: Server;
  readonly port: number;
  readonly adminPort: number;
}

/**
 * Opens the page, health and metrics; everything is closed with the stack.
 * @throws ListenError
 */
export async function openPorts(
  stack: AsyncDisposableStack,
  config: SocketConfig,
  { routes, limits }: { readonly routes: RouteParts; readonly limits: Limits },
): Promise<OpenPorts> {
  const { logger } = routes;
  const http = serverOf(createPublicApp(routes, { inside: config.adminPort === undefined }), limits);
  // Two for each browser over polling, and some for pages and health: connections beyond are dropped unread.
  http.maxConnections = limits.maxSockets * 2 + 1000;
  stack.defer(() => closeServer(http));
  const port = await listen(http, { port: config.httpPort, variable: 'SOCKET_HTTP_PORT', logger });
  if (config.adminPort === undefined) return { http, port, adminPort: port };
  const admin = serverOf(createAdminApp(routes), limits);
  stack.defer(() => closeServer(admin));
  const adminPort = await listen(admin, { port: config.adminPort, variable: 'SOCKET_ADMIN_PORT', logger });
  return { http, port, adminPort };
}

/** Node looks for requests that take too long at intervals only. */
const CHECKS_PER_TIMEOUT = 4;

function serverOf(app: Koa, { headersTimeoutMs, requestTimeoutMs }: Limits): Server {
  const handle = app.callback();
  const timeouts = {
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    connectionsCheckingInterval: headersTimeoutMs / CHECKS_PER_TIMEOUT,
  };
  // Koa answers every failure itself: this promise never rejects.
  return createServer(timeouts, (request, response) => void handle(request, response));
}
