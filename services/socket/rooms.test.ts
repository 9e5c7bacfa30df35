import { expect, test } from 'vitest';
import { parseCompanyId } from '../../shared/contract/company-id.ts';
import type { SessionEvent } from '../../shared/contract/events.ts';
import type { Position } from '../../shared/contract/position.ts';
import { Rooms, type Viewer } from './rooms.ts';
import { liveExpiry } from './screen/expiry.ts';

const companyId = parseCompanyId('962302');
const event: SessionEvent = { type: 'starting', companyId, timestamp: 1 };
const shown = { event, expiry: liveExpiry(event, 0) };

function viewerOf(id: string, seen?: Position): Viewer {
  return { id, seen, joinedAtUs: 0, waitingSinceMs: undefined, acknowledges: false };
}

test('a room is there exactly while somebody is in it', () => {
  const rooms = new Rooms({ now: () => 0 });
  const [first, second] = [viewerOf('a'), viewerOf('b')];
  expect(rooms.get(companyId)).toBeUndefined();
  const room = rooms.enter(companyId, first);
  expect(rooms.enter(companyId, second)).toBe(room);
  expect(room.name).toBe('company-962302');
  rooms.leave(room, first);
  expect(rooms.get(companyId)).toBe(room);
  rooms.leave(room, second);
  rooms.leave(room, second);
  expect(rooms.get(companyId)).toBeUndefined();
  expect(rooms.openCount).toBe(0);
});

test('a browser that comes back within the time finds the marks of before, later it does not', () => {
  let nowMs = 0;
  const rooms = new Rooms({ now: () => nowMs, forgetAfterMs: 1000 });
  const viewer = viewerOf('a');
  const room = rooms.enter(companyId, viewer);
  rooms.leave(room, viewer);
  nowMs = 999;
  expect(rooms.enter(companyId, viewer)).toBe(room);
  rooms.leave(room, viewer);
  nowMs = 1999;
  expect(rooms.enter(companyId, viewer)).not.toBe(room);
});

test('the memory of empty rooms is bounded by number and by time', () => {
  let nowMs = 0;
  const rooms = new Rooms({ now: () => nowMs, forgetAfterMs: 1000, maxEmpty: 3 });
  for (let n = 1; n <= 10; n += 1) {
    const viewer = viewerOf(String(n));
    rooms.leave(rooms.enter(parseCompanyId(n), viewer), viewer);
  }
  expect(rooms.rememberedCount).toBe(3);
  nowMs = 1000;
  const viewer = viewerOf('a');
  rooms.leave(rooms.enter(companyId, viewer), viewer);
  expect(rooms.rememberedCount).toBe(1);
});

test('a viewer is behind until it was shown the present state', () => {
  const room = new Rooms({ now: () => 0 }).enter(companyId, viewerOf('early'));
  expect(room.behind()).toEqual([]);
  room.moveTo(shown);
  room.markAllShown();
  const late = viewerOf('late');
  room.add(late);
  expect(room.behind()).toEqual([{ viewer: late, knowsEarlier: false }]);
  room.markShown(late);
  room.moveTo(shown);
  expect(room.behind().map(({ viewer, knowsEarlier }) => [viewer.id, knowsEarlier])).toEqual([
    ['early', true],
    ['late', true],
  ]);
});

test('a viewer that has seen more elsewhere is ahead until the room has passed it', () => {
  const viewer = viewerOf('a', { epoch: 2, seq: 5 });
  const room = new Rooms({ now: () => 0 }).enter(companyId, viewer);
  expect(room.aheadOf({ epoch: 2, seq: 4 })).toEqual([viewer]);
  expect(room.aheadOf({ epoch: 1, seq: 900 })).toEqual([viewer]);
  expect(room.aheadOf(undefined)).toEqual([]);
  expect(room.aheadOf({ epoch: 2, seq: 5 })).toEqual([]);
  expect(room.aheadOf({ epoch: 2, seq: 4 })).toEqual([]);
});
