const TEXT_FRAME = 0x81;
/** Payloads up to here have their length in the second byte; 126 there says that two bytes follow, 127 that eight do. */
const MAX_SHORT = 125;
const MAX_TWO_BYTES = 0xffff;

/**
 * The bytes that send each message as a text frame of its own, one behind the other: final, unmasked and uncompressed, as
 * a server sends them. https://www.rfc-editor.org/rfc/rfc6455#section-5.2
 */
export function toTextFrames(messages: readonly string[]): Buffer {
  const lengths = messages.map((message) => Buffer.byteLength(message));
  const frames = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + headerLength(length) + length, 0));
  let at = 0;
  for (const [index, message] of messages.entries()) {
    at = writeHeader(frames, lengths[index] ?? 0, at);
    at += frames.write(message, at);
  }
  return frames;
}

function headerLength(payloadLength: number): number {
  if (payloadLength <= MAX_SHORT) return 2;
  return payloadLength <= MAX_TWO_BYTES ? 4 : 10;
}

function writeHeader(frames: Buffer, payloadLength: number, at: number): number {
  frames[at] = TEXT_FRAME;
  if (payloadLength <= MAX_SHORT) return frames.writeUInt8(payloadLength, at + 1);
  if (payloadLength <= MAX_TWO_BYTES) {
    frames[at + 1] = MAX_SHORT + 1;
    return frames.writeUInt16BE(payloadLength, at + 2);
  }
  frames[at + 1] = MAX_SHORT + 2;
  return frames.writeBigUInt64BE(BigInt(payloadLength), at + 2);
}
