import { expect, test } from 'vitest';
import { Throttle } from './throttle.ts';

test('one call a key and period goes through and is told how many were held back', () => {
  let nowMs = 0;
  const throttle = new Throttle(1000, () => nowMs);
  const ran: [string, number][] = [];
  const run = (key: string) => throttle.run(key, (suppressed) => ran.push([key, suppressed]));
  for (const key of ['a', 'a', 'b', 'a']) run(key);
  nowMs = 999;
  run('a');
  nowMs = 1000;
  for (const key of ['a', 'a', 'b']) run(key);
  expect(ran).toEqual([
    ['a', 0],
    ['b', 0],
    ['a', 3],
    ['b', 0],
  ]);
});
