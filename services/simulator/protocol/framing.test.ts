import { describe, expect, test } from 'vitest';
import { FrameReader, toFrame } from './framing.ts';
import { ProtocolError } from './protocol-error.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

function read(reader: FrameReader, text: string): string[] {
  return reader.push(hex(text)).map((frame) => frame.toString('hex'));
}

function codeOf(action: () => unknown): string | undefined {
  try {
    action();
  } catch (error) {
    return error instanceof ProtocolError ? error.code : String(error);
  }
  return undefined;
}

describe('the reader of frames', () => {
  test('takes intro and first frame from one message', () => {
    expect(read(new FrameReader(100), '57410603 000002 aabb')).toEqual(['aabb']);
  });

  test('takes the routing prefix before the intro and keeps its bytes', () => {
    const reader = new FrameReader(100);
    expect(read(reader, '45440001 000003 080d05 57410603 000001 cc')).toEqual(['cc']);
    expect(reader.routingInfo).toEqual(hex('080d05'));
  });

  test('takes several frames from one message and one frame from several', () => {
    const reader = new FrameReader(100);
    expect(read(reader, '57410603 000001 aa 000002 bbbb 0000')).toEqual(['aa', 'bbbb']);
    expect(read(reader, '03 cc')).toEqual([]);
    expect(read(reader, 'cccc')).toEqual(['cccccc']);
  });

  test('gives the same frames when the stream comes byte by byte', () => {
    const reader = new FrameReader(100);
    const stream = hex('45440001 000001 99 57410603 000002 aabb 000001 cc');
    const frames = [...stream].flatMap((byte) => reader.push(Buffer.from([byte])));
    expect(frames).toEqual([hex('aabb'), hex('cc')]);
    expect(reader.routingInfo).toEqual(hex('99'));
  });

  test('takes a frame of exactly the limit', () => {
    expect(read(new FrameReader(2), '57410603 000002 aabb')).toEqual(['aabb']);
  });

  test.each([
    ['another protocol', '58'],
    ['another version', '57410602'],
    ['a second intro in place of the routing length', '4544000257410603'],
    ['no intro behind the routing prefix', '45440001 000001 99 574106ff'],
  ])('refuses %s', (_what, text) => {
    expect(codeOf(() => read(new FrameReader(100), text))).toBe('INTRO_INVALID');
  });

  test.each([
    ['an empty frame', '57410603 000000'],
    ['a frame above the limit, before its bytes came', '57410603 000065'],
    ['an empty routing prefix', '45440001 000000'],
    ['a routing prefix above the limit', '45440001 ffffff'],
  ])('refuses %s', (_what, text) => {
    expect(codeOf(() => read(new FrameReader(100), text))).toBe('FRAME_SIZE_INVALID');
  });
});

test('a frame of the server is its length in three bytes and the bytes, without an intro', () => {
  expect(toFrame(hex('aabb')).toString('hex')).toBe('000002aabb');
  expect(toFrame(Buffer.alloc(65_536)).subarray(0, 3).toString('hex')).toBe('010000');
});
