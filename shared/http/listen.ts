import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from '../telemetry/logger.ts';

/** The port cannot be had. The message names the port and the variable that moves it. */
export class ListenError extends Error {
  readonly code = 'PORT_UNAVAILABLE';

  constructor(port: number, variable: string, cause: unknown) {
    const taken = cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE';
    super(`port ${port} ${taken ? 'is taken' : 'cannot be opened'}; set ${variable} to another one`, { cause });
    this.name = 'ListenError';
  }

  shouldRetry(): boolean {
    return false;
  }
}

export interface ListenOptions {
  /** 0 picks a free port. */
  readonly port: number;
  /** The address to listen on. Default all. */
  readonly host?: string | undefined;
  /** The environment variable that moves the port. */
  readonly variable: string;
  readonly logger: Logger;
}

/**
 * Starts listening and answers the port; logs `{"msg":"listening","port":…}`.
 * @throws ListenError when the port cannot be had.
 */
export async function listen(server: Server, { port, host, variable, logger }: ListenOptions): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(new ListenError(port, variable, cause)));
    server.listen({ port, ...(host !== undefined && { host }) }, resolve);
  });
  const address = server.address() as AddressInfo;
  logger.info({ port: address.port, variable }, 'listening');
  return address.port;
}

/** Stops accepting, lets requests in flight end, cuts what is still open after `timeoutMs`. */
export async function closeServer(server: Server, timeoutMs = 2000): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), timeoutMs);
  await closed;
  clearTimeout(timer);
}
