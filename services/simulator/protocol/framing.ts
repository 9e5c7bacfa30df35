import { ProtocolError } from './protocol-error.ts';

/** `WA`, protocol 6, token dictionary 3: the client's first bytes and the prologue of the Noise handshake. */
export const INTRO = Buffer.from('57410603', 'hex');
/** `ED` 00 01: routing information precedes the intro. It names an edge server and is no part of the prologue. */
const ROUTING_INTRO = Buffer.from('45440001', 'hex');
const LENGTH_BYTES = 3;

/**
 * Cuts the client's byte stream into frames: an optional routing prefix, the intro once, then u24 big-endian length
 * and bytes. WebSocket message borders mean nothing.
 */
export class FrameReader {
  readonly #maxFrameBytes: number;
  #buffered: Buffer = Buffer.alloc(0);
  #introSeen = false;
  #routingInfo: Buffer | undefined;

  /** `maxFrameBytes` also bounds what is buffered of an unfinished frame. */
  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** What the client was told to route by in an earlier connection, once the intro is complete. */
  get routingInfo(): Buffer | undefined {
    return this.#routingInfo;
  }

  /**
   * Takes the next bytes, answers the frames they complete.
   * @throws ProtocolError INTRO_INVALID, FRAME_SIZE_INVALID
   */
  push(bytes: Buffer): Buffer[] {
    this.#buffered = this.#buffered.length === 0 ? bytes : Buffer.concat([this.#buffered, bytes]);
    if (!this.#introSeen && !this.#takeIntro()) return [];
    const frames: Buffer[] = [];
    for (let frame = this.#takeFrame(); frame; frame = this.#takeFrame()) frames.push(frame);
    return frames;
  }

  #takeIntro(): boolean {
    const routingEnd = this.#routingEnd();
    if (routingEnd === undefined) return false;
    const intro = this.#buffered.subarray(routingEnd, routingEnd + INTRO.length);
    if (!intro.equals(INTRO.subarray(0, intro.length))) throw new ProtocolError('INTRO_INVALID', 'unknown intro');
    if (intro.length < INTRO.length) return false;
    if (routingEnd > 0) {
      this.#routingInfo = this.#buffered.subarray(ROUTING_INTRO.length + LENGTH_BYTES, routingEnd);
    }
    this.#buffered = this.#buffered.subarray(routingEnd + INTRO.length);
    this.#introSeen = true;
    return true;
  }

  /** Where the intro begins: 0 without a routing prefix, `undefined` while the prefix is incomplete. */
  #routingEnd(): number | undefined {
    const start = this.#buffered.subarray(0, ROUTING_INTRO.length);
    if (!start.equals(ROUTING_INTRO.subarray(0, start.length))) return 0;
    if (this.#buffered.length < ROUTING_INTRO.length + LENGTH_BYTES) return undefined;
    const length = this.#checkedLength(this.#buffered.readUIntBE(ROUTING_INTRO.length, LENGTH_BYTES));
    const end = ROUTING_INTRO.length + LENGTH_BYTES + length;
    return this.#buffered.length < end ? undefined : end;
  }

  #takeFrame(): Buffer | undefined {
    if (this.#buffered.length < LENGTH_BYTES) return undefined;
    const end = LENGTH_BYTES + this.#checkedLength(this.#buffered.readUIntBE(0, LENGTH_BYTES));
    if (this.#buffered.length < end) return undefined;
    const frame = this.#buffered.subarray(LENGTH_BYTES, end);
    this.#buffered = this.#buffered.subarray(end);
    return frame;
  }

  #checkedLength(length: number): number {
    if (length === 0 || length > this.#maxFrameBytes) {
      throw new ProtocolError('FRAME_SIZE_INVALID', `a frame of ${length} bytes`);
    }
    return length;
  }
}

/** One frame of the server: length and bytes. The server sends no intro. */
export function toFrame(bytes: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + bytes.length);
  frame.writeUIntBE(bytes.length, 0, LENGTH_BYTES);
  frame.set(bytes, LENGTH_BYTES);
  return frame;
}
