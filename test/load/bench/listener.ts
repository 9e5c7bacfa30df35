import { connect, type Socket } from 'node:net';
import { MARKETPLACE_NAMESPACE } from '../../../shared/contract/socket-events.ts';
import { takePacket, takeRaw, type ClientKind, type ClientObserver } from '../generator/client.ts';

export interface ListenerOptions {
  readonly kind: Exclude<ClientKind, 'socket.io'>;
  readonly url: string;
  readonly token: string;
  readonly companyId: string;
  readonly onJoined: () => void;
  /** A frame that carries an event's position. */
  readonly onDelivery: () => void;
  readonly onLost: (reason: string) => void;
}

/** In each frame that counts as a delivery, and in no other. */
const POSITION = Buffer.from('"seq":');
const HEAD_END = Buffer.from('\r\n\r\n');
const PING = 0x32;

/** One for all: each chunk is dealt with before the next one is read. */
const readBuffer = Buffer.allocUnsafe(256 * 1024);

/**
 * A browser that costs its process almost nothing while it listens: it counts frames, keeps them, and looks into them
 * when it is asked. A client that parses as it goes would be the bottleneck of a flood before the gateway is.
 */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #socket: Socket;
  #frames: Buffer[] = [];
  #rest: Buffer | undefined;
  #upgraded = false;

  constructor(options: ListenerOptions) {
    this.#options = options;
    const { hostname, port } = new URL(options.url);
    this.#socket = connect({
      host: hostname,
      port: Number(port),
      noDelay: true,
      onread: {
        buffer: readBuffer,
        callback: (length) => {
          this.#take(readBuffer.subarray(0, length));
          return true;
        },
      },
    });
    this.#socket.once('connect', () => this.#socket.write(this.#upgrade()));
    this.#socket.on('error', (error) => options.onLost(error.message));
    this.#socket.on('close', () => options.onLost('closed'));
  }

  /** Forgets what came before. */
  begin(): void {
    this.#frames = [];
  }

  /** Tells of everything that came since `begin`. */
  recount(observer: Pick<ClientObserver, 'onConnectedEmit' | 'onState'>): void {
    const take = this.#options.kind === 'raw' ? takeRaw : takePacket;
    for (const frame of this.#frames) take(frame, observer);
  }

  #upgrade(): string {
    const { kind, companyId } = this.#options;
    const path = kind === 'raw' ? `/?company=${companyId}` : '/socket.io/?EIO=4&transport=websocket';
    const head = ['Host: 127.0.0.1', 'Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13'];
    return [`GET ${path} HTTP/1.1`, ...head, 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', '', ''].join('\r\n');
  }

  #take(chunk: Buffer): void {
    let bytes = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
    if (!this.#upgraded) {
      const end = bytes.indexOf(HEAD_END);
      this.#upgraded = end >= 0;
      bytes = end < 0 ? bytes : bytes.subarray(end + HEAD_END.length);
      if (this.#upgraded && this.#options.kind === 'raw') this.#options.onJoined();
    }
    while (this.#upgraded) {
      const length = frameLength(bytes);
      if (length === undefined) break;
      this.#onFrame(bytes.subarray(length.head, length.head + length.payload));
      bytes = bytes.subarray(length.head + length.payload);
    }
    // The buffer is about to be read into again.
    this.#rest = bytes.length > 0 ? Buffer.from(bytes) : undefined;
  }

  #onFrame(payload: Buffer): void {
    if (payload.includes(POSITION)) {
      this.#frames.push(Buffer.from(payload));
      this.#options.onDelivery();
      return;
    }
    if (payload.length === 1 && payload[0] === PING) this.#send('3');
    else if (payload[0] === 0x30)
      this.#send(`40${MARKETPLACE_NAMESPACE},${JSON.stringify({ token: this.#options.token })}`);
    else if (payload.toString('latin1').startsWith(`40${MARKETPLACE_NAMESPACE}`)) this.#options.onJoined();
    else if (payload.toString('latin1').startsWith(`44${MARKETPLACE_NAMESPACE}`))
      this.#options.onLost(payload.toString());
    else this.#frames.push(Buffer.from(payload));
  }

  /** A text frame, masked with zeros as a client's must be masked. */
  #send(text: string): void {
    const payload = Buffer.from(text);
    const length =
      payload.length < 126 ? [0x80 | payload.length] : [0x80 | 126, payload.length >> 8, payload.length & 255];
    this.#socket.write(Buffer.concat([Buffer.from([0x81, ...length, 0, 0, 0, 0]), payload]));
  }
}

/** The sizes of an unmasked frame (RFC 6455, 5.2), or `undefined` while it is not whole. Payloads are below 64 KiB. */
function frameLength(bytes: Buffer): { readonly head: number; readonly payload: number } | undefined {
  if (bytes.length < 2) return undefined;
  const short = bytes.readUInt8(1) & 127;
  if (short < 126) return bytes.length < 2 + short ? undefined : { head: 2, payload: short };
  if (short > 126) throw new RangeError('a frame of 64 KiB or more');
  if (bytes.length < 4) return undefined;
  const payload = bytes.readUInt16BE(2);
  return bytes.length < 4 + payload ? undefined : { head: 4, payload };
}
