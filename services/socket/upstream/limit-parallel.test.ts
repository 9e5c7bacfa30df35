import { expect, test } from 'vitest';
import { limitParallel } from './limit-parallel.ts';

test('as much as the limit runs at once, the rest in its turn, and failures give their place back', async () => {
  const begun: number[] = [];
  const ends = Array.from({ length: 5 }, () => Promise.withResolvers<number>());
  const limited = limitParallel(2, (n: number) => {
    begun.push(n);
    return ends[n]?.promise ?? Promise.reject(new Error('no'));
  });
  const results = Promise.allSettled([0, 1, 2, 3, 4].map(limited));
  expect(begun).toEqual([0, 1]);
  ends[1]?.reject(new Error('failed'));
  await expect.poll(() => begun).toEqual([0, 1, 2]);
  ends[2]?.resolve(2);
  ends[0]?.resolve(0);
  await expect.poll(() => begun).toEqual([0, 1, 2, 3, 4]);
  ends[3]?.resolve(3);
  ends[4]?.resolve(4);
  expect((await results).map(({ status }) => status)).toEqual([
    'fulfilled',
    'rejected',
    'fulfilled',
    'fulfilled',
    'fulfilled',
  ]);
  await expect(limited(9)).rejects.toThrow('no');
  expect(begun.at(-1)).toBe(9);
});
