import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import type { SimulatorInstruments } from '../instruments.ts';
import type { Directory } from '../people/directory.ts';
import { jidOf, lidOf } from '../people/stored-state.ts';
import { parseClientPayload, type LoginPayload, type RegistrationPayload } from '../protocol/client-payload.ts';
import { node, type BinaryNode } from '../protocol/node.ts';
import type { FinishedHandshake, ServerIdentity } from '../protocol/noise-responder.ts';
import { ProtocolError, type RejectionCode } from '../protocol/protocol-error.ts';
import { Connection } from './connection.ts';
import type { PairingDesk } from './pairing-desk.ts';
import { Registration, type QrTiming } from './registration.ts';
import type { SessionRegistry } from './session-registry.ts';
import { Session } from './session.ts';

export interface WhatsAppServerOptions {
  readonly identity: ServerIdentity;
  readonly directory: Directory;
  readonly pairing: PairingDesk;
  readonly sessions: SessionRegistry;
  readonly instruments: SimulatorInstruments;
  readonly qr: QrTiming;
  readonly maxFrameBytes: number;
  readonly handshakeTimeoutMs: number;
  readonly linkTimeoutMs: number;
  /** ms since the epoch. */
  readonly now: () => number;
}

/** Where clients connect. */
export const WEBSOCKET_PATH = '/ws/chat';

/** Accepts clients on an HTTP server's `/ws/chat` and serves each until it leaves. */
export class WhatsAppServer {
  readonly #options: WhatsAppServerOptions;
  readonly #webSockets: WebSocketServer;
  readonly #serving = new Map<Connection, Promise<void>>();
  #connections = 0;

  constructor(options: WhatsAppServerOptions) {
    this.#options = options;
    this.#webSockets = new WebSocketServer({
      noServer: true,
      path: WEBSOCKET_PATH,
      maxPayload: options.maxFrameBytes,
      perMessageDeflate: false,
    });
  }

  /** Takes over the server's WebSocket upgrades; other paths are refused with 400. */
  attach(server: Server): void {
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => this.#accept(webSocket));
    });
  }

  /** Ends every stream in order; a client that does not follow within `graceMs` is cut. */
  async stop(graceMs = 1000): Promise<void> {
    for (const connection of this.#serving.keys()) connection.close();
    const timer = setTimeout(() => {
      for (const connection of this.#serving.keys()) connection.cut();
    }, graceMs);
    await Promise.all(this.#serving.values());
    clearTimeout(timer);
    this.#webSockets.close();
  }

  #accept(webSocket: WebSocket): void {
    this.#connections += 1;
    const { identity, maxFrameBytes, handshakeTimeoutMs } = this.#options;
    const connection = new Connection(webSocket, {
      id: this.#connections,
      identity,
      maxFrameBytes,
      handshakeTimeoutMs,
    });
    const served = this.#serve(connection).finally(() => this.#serving.delete(connection));
    this.#serving.set(connection, served);
  }

  /** Never rejects: what goes wrong with one client ends here, with that client. */
  async #serve(connection: Connection): Promise<void> {
    const { instruments } = this.#options;
    try {
      const handshake = await connection.handshake();
      if (!handshake) return;
      const client = parseClientPayload(handshake.payload);
      if (client.kind === 'registration') await this.#register(connection, client, handshake);
      else await this.#logIn(connection, client, handshake);
    } catch (error) {
      if (error instanceof ProtocolError) {
        instruments.rejected(connection.id, error);
        connection.refuse(farewellOf(error.code));
      } else {
        instruments.connectionFailed(connection.id, error);
        connection.cut();
      }
    }
    await connection.closed;
  }

  async #register(connection: Connection, client: RegistrationPayload, handshake: FinishedHandshake): Promise<void> {
    const { pairing, qr, linkTimeoutMs, instruments, now } = this.#options;
    const noiseKey = handshake.clientStaticKey;
    const registration = new Registration({ connection, client, noiseKey, qr, linkTimeoutMs, nowMs: now() });
    pairing.add(registration);
    instruments.qrOffered(connection.id, client.platform);
    await registration.run();
  }

  async #logIn(connection: Connection, client: LoginPayload, handshake: FinishedHandshake): Promise<void> {
    const { directory, sessions, instruments } = this.#options;
    const jid = jidOf(client);
    const device = directory.device(jid);
    const phone = directory.phone(client.phoneNumber);
    if (!device || !phone) throw new ProtocolError('DEVICE_UNKNOWN', 'the device is not linked');
    if (!device.noiseKey.equals(handshake.clientStaticKey)) {
      throw new ProtocolError('NOISE_KEY_UNKNOWN', 'the noise key is not that of the device');
    }
    const lid = lidOf(phone, device.device);
    const session = new Session({ connection, directory, instruments, device, lid });
    sessions.add(jid, session);
    instruments.loggedIn(connection.id, device);
    try {
      await session.run();
    } finally {
      sessions.remove(jid, session);
      instruments.sessionEnded(connection.id, device);
    }
  }
}

/** What a refused client is told before its line ends; nothing when the line itself cannot be trusted. */
function farewellOf(code: RejectionCode): BinaryNode | undefined {
  switch (code) {
    case 'DEVICE_UNKNOWN':
    case 'NOISE_KEY_UNKNOWN':
      return node('failure', { reason: '401' });
    case 'PAYLOAD_INVALID':
    case 'PREKEY_SIGNATURE_INVALID':
      return node('failure', { reason: '400' });
    case 'DEVICE_SIGNATURE_INVALID':
    case 'STANZA_INVALID':
      return node('stream:error', { code: '500' });
    default:
      return undefined;
  }
}
