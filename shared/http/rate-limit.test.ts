import { expect, test } from 'vitest';
import { parseCompanyId } from '../contract/company-id.ts';
import { RateLimit } from './rate-limit.ts';

const SALON = parseCompanyId('962302');
const OTHER = parseCompanyId('962303');

function limitAt(clock: { ms: number }) {
  return new RateLimit({ burst: 3, perMinute: 6, now: () => clock.ms });
}

test('a burst goes through, then one every interval, and the wait is said', () => {
  const clock = { ms: 1_000 };
  const limit = limitAt(clock);
  expect([1, 2, 3, 4].map(() => limit.take(SALON))).toEqual([0, 0, 0, 10_000]);
  clock.ms += 9_999;
  expect(limit.take(SALON)).toBe(1);
  clock.ms += 1;
  expect([limit.take(SALON), limit.take(SALON)]).toEqual([0, 10_000]);
});

test('a refusal costs nothing and companies do not share', () => {
  const limit = limitAt({ ms: 0 });
  for (let sent = 0; sent < 10; sent += 1) limit.take(SALON);
  expect(limit.take(SALON)).toBe(10_000);
  expect(limit.take(OTHER)).toBe(0);
});

test('a company that has paused is forgotten, and no pause earns more than the burst', () => {
  const clock = { ms: 0 };
  const limit = limitAt(clock);
  limit.take(SALON);
  clock.ms += 3_600_000;
  limit.take(OTHER);
  expect(limit.size).toBe(1);
  expect([1, 2, 3, 4].map(() => limit.take(SALON))).toEqual([0, 0, 0, 10_000]);
});

test('a company that never pauses keeps nobody else remembered', () => {
  const clock = { ms: 0 };
  const limit = limitAt(clock);
  limit.take(SALON);
  limit.take(OTHER);
  for (let second = 0; second < 60; second += 1) {
    clock.ms += 1_000;
    limit.take(SALON);
  }
  expect(limit.size).toBe(1);
});
