import { describe, expect, test } from 'vitest';
import { capacityOf, surplusOf } from './fair-share.ts';
import type { LiveReplica } from './store/lease-store.ts';

function replicas(...maxSessions: readonly number[]): LiveReplica[] {
  return maxSessions.map((max, n) => ({ id: `r${n}`, name: `r${n}`, maxSessions: max, sessions: 0, endsInMs: 1 }));
}

describe('what a replica may hold', () => {
  test.each([
    ['everything when it is alone', [1000], 200, 220],
    ['half and a tenth of it beside another', [1000, 1000], 200, 110],
    ['one of one, whoever is first', [1000, 1000], 1, 1],
    ['a share that is rounded up, so that all find room', [1000, 1000, 1000], 10, 4],
    ['nothing of nothing', [1000], 0, 0],
    ['no more than its own wall', [50, 1000], 200, 50],
  ])('%s', (_, walls, total, expected) => {
    expect(capacityOf('r0', replicas(...walls), total)).toBe(expected);
  });

  test('what a full replica cannot take falls to the others', () => {
    expect(capacityOf('r0', replicas(1000, 50, 1000), 350)).toBe(165);
    expect(capacityOf('r2', replicas(100, 10, 1000), 1000)).toBe(979);
  });

  test('nothing without a lease of its own', () => {
    expect(capacityOf('gone', replicas(1000), 10)).toBe(0);
  });

  test('together the replicas have room for everything that their walls allow', () => {
    for (const walls of [
      [7, 9, 100],
      [1, 1, 1],
      [1000, 1000],
    ]) {
      for (const total of [0, 1, 2, 3, 50, 100, 116]) {
        const all = replicas(...walls);
        const room = all.reduce((sum, { id }) => sum + capacityOf(id, all, total), 0);
        const wall = walls.reduce((sum, max) => sum + max, 0);
        expect(room).toBeGreaterThanOrEqual(Math.min(total, wall));
      }
    }
  });
});

describe('what a replica lets go of', () => {
  test.each([
    ['nothing within its capacity', 10, 11, 0],
    ['one at a time of few', 20, 11, 1],
    ['a twentieth of many', 1000, 550, 50],
    ['no more than it holds too much', 1000, 990, 10],
  ])('%s', (_, held, capacity, expected) => {
    expect(surplusOf(held, capacity)).toBe(expected);
  });
});
