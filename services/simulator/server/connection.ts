import { on } from 'node:events';
import { decodeBinaryNode, encodeBinaryNode } from '@whiskeysockets/baileys';
import type { RawData, WebSocket } from 'ws';
import { FrameReader, toFrame } from '../protocol/framing.ts';
import { node, type BinaryNode } from '../protocol/node.ts';
import { NoiseResponder, type FinishedHandshake, type ServerIdentity } from '../protocol/noise-responder.ts';
import type { NoiseTransport } from '../protocol/noise-transport.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';

export interface ConnectionOptions {
  /** Names the connection in logs. */
  readonly id: number;
  readonly identity: ServerIdentity;
  /** Bytes. */
  readonly maxFrameBytes: number;
  /** From the WebSocket's opening to the client's last handshake message. */
  readonly handshakeTimeoutMs: number;
}

/** WebSocket messages that may wait for their turn before the socket is paused. */
const MAX_WAITING_MESSAGES = 64;
const CLOSE_NORMAL = 1000;
const CLOSE_PROTOCOL_ERROR = 1002;

/** One client's line: the handshake first, then stanzas both ways, in order. */
export class Connection {
  readonly id: number;
  readonly #socket: WebSocket;
  readonly #options: ConnectionOptions;
  readonly #frames: AsyncGenerator<Buffer, void, undefined>;
  /** Resolves when the line is down. */
  readonly closed: Promise<void>;
  #transport: NoiseTransport | undefined;
  #timedOut = false;
  #isSilent = false;
  #delayMs = 0;
  /** Settles when everything that was delayed is out. */
  #delayed: Promise<void> | undefined;

  constructor(socket: WebSocket, options: ConnectionOptions) {
    this.id = options.id;
    this.#socket = socket;
    this.#options = options;
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    // Errors reach the reader of the frames; this listener outlives it, and a close follows every error.
    socket.on('error', () => socket.terminate());
    // Listening begins here and not in the generator, which would miss what arrives before its first step.
    const messages = on(socket, 'message', {
      close: ['close'],
      highWaterMark: MAX_WAITING_MESSAGES,
      lowWaterMark: 1,
    });
    this.#frames = readFrames(messages as AsyncIterable<[RawData]>, options.maxFrameBytes);
  }

  /**
   * Runs the handshake; `undefined` when the client left before its end. Called once, before anything else.
   * @throws ProtocolError HANDSHAKE_TIMEOUT, HANDSHAKE_INVALID, MAC_INVALID and those of the framing
   */
  async handshake(): Promise<FinishedHandshake | undefined> {
    const timer = setTimeout(() => this.#expire(), this.#options.handshakeTimeoutMs);
    try {
      const responder = new NoiseResponder(this.#options.identity);
      const hello = await this.#frames.next();
      if (hello.done) return this.#leftEarly();
      this.#write(responder.answerClientHello(hello.value));
      const finish = await this.#frames.next();
      if (finish.done) return this.#leftEarly();
      const finished = responder.readClientFinish(finish.value);
      this.#transport = finished.transport;
      return finished;
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Every stanza of the client until it leaves.
   * @throws ProtocolError MAC_INVALID, NONCE_REUSED, STANZA_INVALID and those of the framing
   */
  async *stanzas(): AsyncGenerator<BinaryNode, void, undefined> {
    for await (const frame of this.#frames) {
      const plaintext = this.#transport?.decrypt(frame);
      if (plaintext) yield await decode(plaintext);
    }
  }

  /** While silent, the server reads and says nothing. */
  set isSilent(isSilent: boolean) {
    this.#isSilent = isSilent;
  }

  /** How long each stanza waits before it goes out, in ms. The order stays. */
  set delayMs(delayMs: number) {
    this.#delayMs = delayMs;
  }

  /** Sends one stanza; what is sent to a client that has left is lost, as on any line. */
  send(stanza: BinaryNode): void {
    this.#inTurn(() => this.#sendNow(stanza));
  }

  /** Ends the stream in order, behind a last stanza that says why when there is one. */
  close(last: BinaryNode = node('xmlstreamend')): void {
    this.#inTurn(() => {
      this.#sendNow(last);
      this.#socket.close(CLOSE_NORMAL);
    });
  }

  /** Ends the line of a client that broke the protocol. */
  refuse(last: BinaryNode | undefined): void {
    if (last) this.send(last);
    this.#socket.close(CLOSE_PROTOCOL_ERROR);
  }

  /** Drops the line without a word. */
  cut(): void {
    this.#socket.terminate();
  }

  #sendNow(stanza: BinaryNode): void {
    if (this.#isSilent || !this.#transport || this.#socket.readyState !== this.#socket.OPEN) return;
    this.#write(this.#transport.encrypt(encodeBinaryNode(stanza)));
  }

  /** At once, unless something is delayed: then behind it. */
  #inTurn(work: () => void): void {
    const delayMs = this.#delayMs;
    if (delayMs === 0 && !this.#delayed) return work();
    const isDown = this.closed.then(() => undefined);
    const due = new Promise((resolve) => setTimeout(resolve, delayMs).unref());
    const turn = Promise.all([this.#delayed, Promise.race([due, isDown])]).then(work);
    this.#delayed = turn;
    void turn.then(() => {
      if (this.#delayed === turn) this.#delayed = undefined;
    });
  }

  #expire(): void {
    this.#timedOut = true;
    this.#socket.terminate();
  }

  #leftEarly(): undefined {
    if (this.#timedOut) throw new ProtocolError('HANDSHAKE_TIMEOUT', 'the handshake did not end in time');
    return undefined;
  }

  #write(bytes: Buffer): void {
    this.#socket.send(toFrame(bytes));
  }
}

async function* readFrames(
  messages: AsyncIterable<[RawData]>,
  maxFrameBytes: number,
): AsyncGenerator<Buffer, void, undefined> {
  const reader = new FrameReader(maxFrameBytes);
  try {
    for await (const [data] of messages) yield* reader.push(toBuffer(data));
  } catch (error) {
    if (error instanceof ProtocolError) throw error;
    throw toProtocolError(error);
  }
}

/** `ws` reports what is wrong with the WebSocket itself by an error event; a lost line is no deviation. */
function toProtocolError(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (!code.startsWith('WS_ERR_')) return error;
  return new ProtocolError('WEBSOCKET_INVALID', code, { cause: error });
}

function toBuffer(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}

async function decode(plaintext: Buffer): Promise<BinaryNode> {
  try {
    return await decodeBinaryNode(plaintext);
  } catch (cause) {
    throw new ProtocolError('STANZA_INVALID', 'a stanza cannot be decoded', { cause });
  }
}
