import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import { AuthError, tokenKeyOf, type Identity, type TokenVerifier } from '../auth.ts';
import { bearerOf } from '../http/bearer.ts';
import type { Rooms } from '../rooms.ts';
import type { ConnectionInstruments, RejectionCode } from '../telemetry/connection-instruments.ts';
import type { Admission, AdmissionTicket } from './admission.ts';
import type { ClientAddresses } from './client-address.ts';
import { requestOf } from './forget-handshake.ts';
import type { MarketplaceSocket } from './marketplace-socket.ts';
import type { Origins } from './origins.ts';

export interface HandshakesOptions {
  readonly origins: Origins;
  readonly addresses: ClientAddresses;
  readonly admission: Admission;
  readonly verifier: TokenVerifier;
  readonly rooms: Rooms;
  readonly instruments: ConnectionInstruments;
  /** Transport connections at this gateway. */
  readonly maxSockets: number;
  /** Browsers of one company at this gateway. */
  readonly maxPerCompany: number;
}

/** Socket.IO hands `data` to the client with the message. */
class ConnectError extends Error {
  readonly data: { readonly code: RejectionCode };

  constructor(code: RejectionCode, message: string) {
    super(message);
    this.name = 'ConnectError';
    this.data = { code };
  }
}

/** What the same client may be allowed a little later. */
const TEMPORARY: ReadonlySet<RejectionCode> = new Set(['TOO_MANY_CONNECTIONS', 'COMPANY_LIMIT', 'AUTH_UNAVAILABLE']);

/** The fresh token is another salon's: it would need another room, so another connection. */
class ForeignTokenError extends Error {
  readonly code = 'TOKEN_FOREIGN';

  constructor() {
    super('the token is of another salon');
    this.name = 'ForeignTokenError';
  }

  shouldRetry(): boolean {
    return false;
  }
}

/** A limit's refusal makes clients come back later by themselves, this long in s where they listen to it. */
const RETRY_AFTER_S = 15;

/** Decides who may connect: origin and limits before the upgrade, the token when the namespace is joined. */
export class Handshakes {
  readonly #options: HandshakesOptions;
  /** By request until there is a connection, then by that. */
  readonly #tickets = new WeakMap<object, AdmissionTicket>();
  /** Connections that are in the namespace or on their way: Socket.IO itself looks only when the middleware is through. */
  readonly #joined = new WeakSet();
  /** One listener for all connections: one for each would be a good part of what an idle one costs. */
  readonly #onClosed: (this: object) => void;
  #open = 0;
  #isStopping = false;

  constructor(options: HandshakesOptions) {
    this.#options = options;
    const end = (connection: object) => this.#end(connection);
    this.#onClosed = function onClosed() {
      end(this);
    };
  }

  /** From now on nobody is let in; a balancer that has not noticed yet is told 503. */
  stop(): void {
    this.#isStopping = true;
  }

  /** Engine.IO's `allowRequest`: refuses with 403, 429 or 503 before anything is upgraded. */
  readonly allowRequest = (
    request: IncomingMessage,
    callback: (error: string | null | undefined, allowed: boolean) => void,
  ): void => {
    const { origins, addresses, admission, instruments } = this.#options;
    const { headers, socket } = request;
    const forwardedFor = headers['x-forwarded-for'];
    const address = addresses.keyOf(
      socket.remoteAddress,
      Array.isArray(forwardedFor) ? forwardedFor.join() : forwardedFor,
    );
    const refuse = (status: number, code: RejectionCode) => {
      instruments.rejected(code);
      respond(request, status, code);
      callback(code, false);
    };
    if (this.#isStopping) {
      refuse(503, 'STOPPING');
      return;
    }
    if (this.#open >= this.#options.maxSockets) {
      refuse(503, 'GATEWAY_FULL');
      return;
    }
    if (!origins.allows(headers.origin, headers.host)) {
      admission.request(address)?.end();
      refuse(403, 'ORIGIN_REFUSED');
      return;
    }
    const token = bearerOf(headers) ?? queryTokenOf(request);
    const ticket = admission.request(address, token === undefined ? undefined : tokenKeyOf(token));
    if (!ticket) {
      refuse(429, 'TOO_MANY_CONNECTIONS');
      return;
    }
    this.#tickets.set(request, ticket);
    callback(undefined, true);
  };

  /** To be called for every transport connection; ends the ticket with it. */
  readonly follow = (connection: {
    readonly request: IncomingMessage;
    on(event: 'close', run: (this: object) => void): unknown;
  }) => {
    const ticket = this.#tickets.get(connection.request);
    // The request does not outlive the handshake.
    if (ticket) this.#tickets.set(connection, ticket);
    this.#open += 1;
    connection.on('close', this.#onClosed);
  };

  /** To be called for every browser that has left the namespace: its connection may join again. */
  left({ conn }: MarketplaceSocket): void {
    this.#joined.delete(conn);
  }

  /**
   * Checks a fresh token for a browser that is in its room.
   * @throws AuthError, ForeignTokenError
   */
  async renew(socket: MarketplaceSocket, token: string | undefined): Promise<Identity> {
    const { verifier, instruments } = this.#options;
    try {
      const identity = await verifier.verify(token);
      if (identity.companyId !== socket.data.identity.companyId) throw new ForeignTokenError();
      // With it the browser may come back after a reconnect.
      this.#tickets.get(socket.conn)?.accept(identity);
      return identity;
    } catch (error) {
      instruments.rejected(error instanceof ForeignTokenError ? error.code : toConnectError(error).data.code);
      throw error;
    }
  }

  /** For the namespace's middleware: puts the identity on the socket, or answers why it may not connect. Never rejects. */
  async refusalOf(socket: MarketplaceSocket): Promise<Error | undefined> {
    try {
      socket.data.identity = await this.#identify(socket);
      return undefined;
    } catch (error) {
      return this.#refuse(socket, toConnectError(error));
    }
  }

  async #identify(socket: MarketplaceSocket): Promise<Identity> {
    const { verifier, rooms, instruments, maxPerCompany } = this.#options;
    if (this.#joined.has(socket.conn)) throw new ConnectError('ALREADY_CONNECTED', 'already connected');
    this.#joined.add(socket.conn);
    const { headers, auth } = socket.handshake;
    const inAuth: unknown = auth['token'];
    const token = bearerOf(headers) ?? (typeof inAuth === 'string' ? inAuth : undefined);
    const request = requestOf(socket);
    const legacy = token === undefined && request ? queryTokenOf(request) : undefined;
    const identity = await verifier.verify(token ?? legacy);
    if (legacy !== undefined) instruments.legacyToken(identity.companyId);
    if (this.#tickets.get(socket.conn)?.accept(identity) === false) {
      throw new ConnectError('TOO_MANY_CONNECTIONS', 'too many connections, try again later');
    }
    if ((rooms.get(identity.companyId)?.size ?? 0) >= maxPerCompany) {
      throw new ConnectError('COMPANY_LIMIT', 'too many open pages of this company');
    }
    return identity;
  }

  #end(connection: object): void {
    this.#open -= 1;
    this.#tickets.get(connection)?.end();
  }

  #refuse(socket: MarketplaceSocket, refusal: ConnectError): ConnectError {
    const { code } = refusal.data;
    this.#options.instruments.rejected(code);
    // Over a connection that was used before, the token of its request is gone. A new one brings it again.
    const isForgotten = code === 'TOKEN_MISSING' && !requestOf(socket);
    // A namespace's refusal strands Socket.IO clients for ever; after a lost transport they come back by themselves.
    if (isForgotten || TEMPORARY.has(code)) socket.conn.close();
    return refusal;
  }
}

function toConnectError(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  const refusal = error instanceof AuthError ? error : new AuthError('AUTH_UNAVAILABLE', error);
  return new ConnectError(refusal.code, refusal.message);
}

function queryTokenOf({ url = '/' }: IncomingMessage): string | undefined {
  const query = url.indexOf('?');
  return query < 0 ? undefined : (new URLSearchParams(url.slice(query)).get('token') ?? undefined);
}

/** Engine.IO itself would answer 400 or 403 only. It leaves an answer alone that has already been sent. */
function respond(request: IncomingMessage & { res?: ServerResponse }, status: number, code: RejectionCode): void {
  const body = JSON.stringify({ error: { code, message: STATUS_CODES[status] } });
  const headers = {
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(body)),
    ...(status !== 403 && { 'Retry-After': String(RETRY_AFTER_S) }),
  };
  if (request.res) {
    request.res.writeHead(status, headers).end(body);
    return;
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  request.socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n${lines.join('')}\r\n${body}`);
}
