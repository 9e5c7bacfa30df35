import { STATUS_CODES, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Ending } from '../behaviour.ts';
import type { QrTiming } from '../behaviour.ts';
import type { SimulatorInstruments } from '../instruments.ts';
import type { Directory } from '../people/directory.ts';
import { jidOf, lidOf, type Device } from '../people/stored-state.ts';
import type { Messenger } from '../post/messenger.ts';
import type { PostOffice } from '../post/post-office.ts';
import { parseClientPayload, type LoginPayload, type RegistrationPayload } from '../protocol/client-payload.ts';
import { node, type BinaryNode } from '../protocol/node.ts';
import type { FinishedHandshake, ServerIdentity } from '../protocol/noise-responder.ts';
import { ProtocolError, type RejectionCode } from '../protocol/protocol-error.ts';
import type { Course, ScenarioDesk } from '../scenario-desk.ts';
import { ScenarioError } from '../scenario-error.ts';
import type { SignalDesk } from '../signal/signal-desk.ts';
import type { CodeRequest, CodeRequests } from './code-requests.ts';
import { Connection } from './connection.ts';
import { endWith } from './ending.ts';
import type { PairingDesk } from './pairing-desk.ts';
import { Registration } from './registration.ts';
import type { SessionRegistry } from './session-registry.ts';
import { Session } from './session.ts';

export interface WhatsAppServerOptions {
  readonly identity: ServerIdentity;
  readonly directory: Directory;
  readonly pairing: PairingDesk;
  readonly codes: CodeRequests;
  readonly scenarios: ScenarioDesk;
  readonly sessions: SessionRegistry;
  readonly post: PostOffice;
  readonly messenger: Messenger;
  readonly signals: SignalDesk;
  readonly instruments: SimulatorInstruments;
  readonly qr: QrTiming;
  readonly codeLifeMs: number;
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

  /** Takes over the server's WebSocket upgrades; other paths, and scenarios that do not exist, are refused with 400. */
  attach(server: Server): void {
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      // Nobody else listens until the WebSocket is up; a close follows every error.
      socket.on('error', () => socket.destroy());
      const course = this.#begin(request, socket);
      if (!course) return;
      // The line can end before the WebSocket is up: then nobody would let go of the course.
      socket.once('close', () => course[Symbol.dispose]());
      this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => this.#accept(webSocket, course));
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

  #begin(request: IncomingMessage, socket: Duplex): Course | undefined {
    if (!this.#webSockets.shouldHandle(request)) {
      answerUpgrade(socket, 400, `clients connect on ${WEBSOCKET_PATH}`);
      return undefined;
    }
    let course: Course;
    try {
      const [, query = ''] = (request.url ?? '').split('?', 2);
      course = this.#options.scenarios.open(new URLSearchParams(query));
    } catch (error) {
      if (!(error instanceof ScenarioError)) throw error;
      answerUpgrade(socket, 400, `${error.code}: ${error.message}`);
      return undefined;
    }
    const { refuse } = course.behaviour;
    if (refuse === undefined) return course;
    course[Symbol.dispose]();
    if (refuse === 0) socket.destroy();
    else answerUpgrade(socket, refuse, 'refused');
    return undefined;
  }

  #accept(webSocket: WebSocket, course: Course): void {
    this.#connections += 1;
    const { identity, maxFrameBytes, handshakeTimeoutMs } = this.#options;
    const connection = new Connection(webSocket, {
      id: this.#connections,
      identity,
      maxFrameBytes,
      handshakeTimeoutMs,
    });
    const served = this.#serve(connection, course).finally(() => this.#serving.delete(connection));
    this.#serving.set(connection, served);
  }

  /** Never rejects: what goes wrong with one client ends here, with that client. */
  async #serve(connection: Connection, course: Course): Promise<void> {
    const { instruments } = this.#options;
    try {
      if (course.behaviour.silentFrom !== 'connect') await this.#talk(connection, course);
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

  async #talk(connection: Connection, course: Course): Promise<void> {
    const handshake = await connection.handshake();
    if (!handshake) return;
    const client = parseClientPayload(handshake.payload);
    const purpose = client.kind === 'registration' ? 'linking' : 'login';
    const phone = client.kind === 'login' ? { phone: client.phoneNumber } : {};
    course.identify({ purpose, noiseKey: handshake.clientStaticKey, ...phone });
    const { silentFrom, minimumRevision = 0 } = course.behaviour;
    connection.isSilent = silentFrom === 'login';
    if (client.revision < minimumRevision) return endWith(connection, { how: 'failure', reason: 405 });
    if (client.kind === 'registration') await this.#register({ connection, course, handshake }, client);
    else await this.#logIn({ connection, course, handshake }, client);
  }

  async #register({ connection, course, handshake }: Guest, client: RegistrationPayload): Promise<void> {
    const { pairing, qr, codeLifeMs, linkTimeoutMs, instruments, now } = this.#options;
    const registration = new Registration({
      connection,
      course,
      client,
      noiseKey: handshake.clientStaticKey,
      qr: course.behaviour.qr ?? qr,
      codeLifeMs,
      linkTimeoutMs,
      now,
      onCodeRequest: (request) => this.#takeCodeRequest(request),
    });
    pairing.add(registration);
    instruments.qrOffered(connection.id, client.platform);
    await registration.run();
  }

  #takeCodeRequest(request: CodeRequest): boolean {
    const { directory, codes, instruments } = this.#options;
    const isKnown = directory.phone(request.hello.phoneNumber) !== undefined;
    if (isKnown) codes.add(request);
    instruments.codeRequested(request.registration.connectionId, request.hello.phoneNumber, isKnown);
    return isKnown;
  }

  async #logIn({ connection, course, handshake }: Guest, client: LoginPayload): Promise<void> {
    const { directory, sessions, instruments } = this.#options;
    const jid = jidOf(client);
    const device = directory.device(jid);
    const phone = directory.phone(client.phoneNumber);
    if (!device || !phone) throw new ProtocolError('DEVICE_UNKNOWN', 'the device is not linked');
    if (!device.noiseKey.equals(handshake.clientStaticKey)) {
      throw new ProtocolError('NOISE_KEY_UNKNOWN', 'the noise key is not that of the device');
    }
    const { atLogin } = course.behaviour;
    if (atLogin) return this.#refuseLogin(connection, device, atLogin);
    const lid = lidOf(phone, device.device);
    const { post, messenger, signals } = this.#options;
    const parts = { directory, sessions, post, messenger, signals, instruments };
    const session = new Session({ ...parts, connection, course, device, lid });
    sessions.add(jid, session);
    instruments.loggedIn(connection.id, device);
    try {
      await session.run();
    } finally {
      sessions.remove(jid, session);
      instruments.sessionEnded(connection.id, device);
    }
  }

  async #refuseLogin(connection: Connection, device: Device, ending: Ending): Promise<void> {
    const { directory, instruments } = this.#options;
    if (ending.how === 'unlink') {
      await directory.removeDevice(device);
      instruments.unlinked(device, 'phone');
    }
    endWith(connection, ending);
  }
}

/** A client whose handshake is done. */
interface Guest {
  readonly connection: Connection;
  readonly course: Course;
  readonly handshake: FinishedHandshake;
}

function answerUpgrade(socket: Duplex, status: number, text: string): void {
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}`,
    'Connection: close',
    'Content-Type: text/plain',
  ];
  socket.end(`${head.join('\r\n')}\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
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
    case 'PAIRING_INVALID':
    case 'STANZA_INVALID':
      return node('stream:error', { code: '500' });
    default:
      return undefined;
  }
}
