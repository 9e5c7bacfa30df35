import { expect, test } from 'vitest';
import { PreKeys } from './prekeys.ts';

const preKey = (id: number) => ({ id, key: Buffer.alloc(32, id) });

test('prekeys come out one by one, in the order in which they went in', () => {
  let preKeys = PreKeys.of([preKey(1), preKey(2)]).add(PreKeys.of([preKey(0xffffff)]));
  const seen: unknown[] = [];
  for (; preKeys.count > 0; preKeys = preKeys.rest) seen.push(preKeys.first);
  expect(seen).toEqual([preKey(1), preKey(2), preKey(0xffffff)]);
  expect(preKeys.first).toBeUndefined();
  expect(preKeys.rest.count).toBe(0);
});

test.each([
  [0, []],
  [2, [2, 3]],
  [9, [1, 2, 3]],
])('of three the last %i are kept as they are', (count, ids) => {
  expect(PreKeys.of([preKey(1), preKey(2), preKey(3)]).last(count)).toEqual(PreKeys.of(ids.map(preKey)));
});
