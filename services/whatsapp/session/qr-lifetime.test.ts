import { expect, test } from 'vitest';
import { qrLifetimeMs } from './qr-lifetime.ts';

test('the first QR of a socket lives a minute, each further one twenty seconds', () => {
  expect([0, 1, 2, 5].map((before) => qrLifetimeMs(before))).toEqual([60_000, 20_000, 20_000, 20_000]);
});

test('a timeout that was configured holds for all of them', () => {
  expect([0, 1].map((before) => qrLifetimeMs(before, 500))).toEqual([500, 500]);
});
