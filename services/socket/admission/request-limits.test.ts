import { expect, test } from 'vitest';
import { parseCompanyId } from '../../../shared/contract/company-id.ts';
import { Rooms, type Viewer } from '../rooms.ts';
import { RequestLimits } from './request-limits.ts';

let nowMs = 0;
const now = () => nowMs;

function viewerOf(id: string): Viewer {
  return { id, seen: undefined, joinedAtUs: 0, waitingSinceMs: undefined, acknowledges: false };
}

function setUp() {
  nowMs = 0;
  const limits = new RequestLimits({ perViewer: 6, perCompany: 10, now });
  const rooms = new Rooms({ now });
  const room = rooms.enter(parseCompanyId(1), viewerOf('a'));
  return { limits, rooms, room, viewer: viewerOf('a') };
}

test('a browser may make as many requests at once as in a minute, and gets them back evenly', () => {
  const { limits, room, viewer } = setUp();
  const take = () => limits.take(room, viewer);
  expect(Array.from({ length: 7 }, take)).toEqual([...Array.from({ length: 6 }, () => 'allowed'), 'refused']);
  nowMs += 10_000;
  expect([take(), take()]).toEqual(['allowed', 'refused']);
  nowMs += 3_600_000;
  expect(Array.from({ length: 7 }, take).filter((verdict) => verdict === 'allowed')).toHaveLength(6);
});

test('all browsers of a company share a limit, and another company has its own', () => {
  const { limits, rooms, room } = setUp();
  const verdicts = ['a', 'b', 'c'].flatMap((id) => {
    const viewer = viewerOf(id);
    return Array.from({ length: 4 }, () => limits.take(room, viewer));
  });
  expect(verdicts.filter((verdict) => verdict === 'allowed')).toHaveLength(10);
  const other = viewerOf('d');
  expect(limits.take(rooms.enter(parseCompanyId(2), other), other)).toBe('allowed');
});

test('a browser beyond its own limit takes nothing from the others', () => {
  const { limits, room, viewer } = setUp();
  for (let n = 0; n < 100; n += 1) limits.take(room, viewer);
  const other = viewerOf('b');
  expect(Array.from({ length: 4 }, () => limits.take(room, other))).not.toContain('refused');
});

test('one that goes on after two hundred refusals is a flood, and no longer one when it was patient', () => {
  const { limits, room, viewer } = setUp();
  const verdicts = Array.from({ length: 207 }, () => limits.take(room, viewer));
  expect(verdicts.indexOf('flood')).toBe(206);
  nowMs += 60_000;
  expect([limits.take(room, viewer), limits.take(room, viewer)]).toEqual(['allowed', 'allowed']);
});
