import { describe, expect, test } from 'vitest';
import { toTextFrames } from './text-frames.ts';

describe('text frames', () => {
  test('begin with the final text opcode and the length, without a mask', () => {
    expect(toTextFrames(['Hi'])).toEqual(Buffer.from([0x81, 2, 0x48, 0x69]));
  });

  test('stand one behind the other', () => {
    expect(toTextFrames(['a', '', 'b'])).toEqual(Buffer.from([0x81, 1, 0x61, 0x81, 0, 0x81, 1, 0x62]));
  });

  test.each([
    [125, [0x81, 125]],
    [126, [0x81, 126, 0, 126]],
    [65_535, [0x81, 126, 0xff, 0xff]],
    [65_536, [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]],
  ])('of %i bytes have their length in as few bytes as it needs', (length, header) => {
    const text = 'x'.repeat(length);
    expect(toTextFrames([text])).toEqual(Buffer.concat([Buffer.from(header), Buffer.from(text)]));
  });

  test('count bytes, not characters', () => {
    const text = 'я'.repeat(63);
    expect(toTextFrames([text])).toEqual(Buffer.concat([Buffer.from([0x81, 126, 0, 126]), Buffer.from(text)]));
  });
});
