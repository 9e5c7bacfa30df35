import jsqr from 'jsqr';
import { expect, test } from 'vitest';
import { fitsQr, toQrPath, type QrPath } from './qr-path.ts';

const PIXELS_PER_MODULE = 4;

/** Paints the path as a browser does: white ground, every `Mx yhw…` run one module high in black. */
function rasterise({ size, path }: QrPath): { data: Uint8ClampedArray; side: number } {
  const side = size * PIXELS_PER_MODULE;
  const data = new Uint8ClampedArray(side * side * 4).fill(255);
  for (const [, x, y, width] of path.matchAll(/M(\d+) (\d+)h(\d+)v1h-\d+z/g)) {
    for (let row = 0; row < PIXELS_PER_MODULE; row += 1) {
      const from = ((Number(y) * PIXELS_PER_MODULE + row) * side + Number(x) * PIXELS_PER_MODULE) * 4;
      for (let pixel = 0; pixel < Number(width) * PIXELS_PER_MODULE; pixel += 1)
        data.fill(0, from + pixel * 4, from + pixel * 4 + 3);
    }
  }
  return { data, side };
}

const key = 'Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE=';

test.each([
  [
    'with the linked-devices address',
    `https://wa.me/settings/linked_devices#2@${key.repeat(3)},${key},${key},${key},1`,
  ],
  ['without it', `2@${key.repeat(3)},${key},${key},${key}`],
  ['as long as an event allows', 'x'.repeat(2_900)],
])('a scanner reads the text %s', (_case, text) => {
  const { data, side } = rasterise(toQrPath(text));
  expect(jsqr.default(data, side, side)?.data).toBe(text);
});

test('four modules of white stand around the code', () => {
  const { size, path } = toQrPath('2@ref');
  const runs = [...path.matchAll(/M(\d+) (\d+)h(\d+)/g)].map(([, x, y, width]) => [
    Number(x),
    Number(y),
    Number(width),
  ]);
  for (const [x = 0, y = 0, width = 0] of runs) {
    expect(Math.min(x, y)).toBeGreaterThanOrEqual(4);
    expect(Math.max(x + width, y + 1)).toBeLessThanOrEqual(size - 4);
  }
});

test('the longest text that fits is drawn, and one byte more is known not to fit', () => {
  expect(fitsQr('x'.repeat(2953))).toBe(true);
  expect(() => toQrPath('x'.repeat(2953))).not.toThrow();
  expect([fitsQr('x'.repeat(2954)), fitsQr('ы'.repeat(1477))]).toEqual([false, false]);
});
