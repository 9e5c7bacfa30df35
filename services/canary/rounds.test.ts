import { describe, expect, test } from 'vitest';
import { NATS_PATH, Rounds } from './rounds.ts';

const A = 'http://a';
const B = 'http://b';
const TIMEOUT_MS = 10_000;

function at(seq: number, epoch = 1) {
  return { epoch, seq };
}

function rounds(): Rounds {
  return new Rounds([NATS_PATH, A, B], TIMEOUT_MS);
}

describe('the rounds of a canary', () => {
  test('end when every path has delivered, with the time of each', () => {
    const under = rounds();
    under.begin(at(1), 1000);
    expect(under.arrived(NATS_PATH, at(1), 1001)).toMatchObject({
      kind: 'received',
      elapsedMs: 1,
      onAllSockets: false,
      ended: undefined,
    });
    expect(under.arrived(A, at(1), 1002)).toMatchObject({ onAllSockets: false, ended: undefined });
    expect(under.arrived(B, at(1), 1003)).toEqual({
      kind: 'received',
      elapsedMs: 3,
      outOfOrder: false,
      onAllSockets: true,
      ended: { position: at(1), missing: [] },
    });
    expect(under.openCount).toBe(0);
  });

  test('are lost with the paths that kept silent, and not a moment before their time', () => {
    const under = rounds();
    under.begin(at(1), 0);
    under.arrived(NATS_PATH, at(1), 5);
    expect(under.expire(TIMEOUT_MS - 1)).toEqual([]);
    expect(under.expire(TIMEOUT_MS)).toEqual([{ position: at(1), missing: [A, B] }]);
    expect(under.expire(TIMEOUT_MS)).toEqual([]);
  });

  test('take what comes after their end for late, once', () => {
    const under = rounds();
    under.begin(at(1), 0);
    under.expire(TIMEOUT_MS);
    expect(under.arrived(A, at(1), TIMEOUT_MS + 1)).toEqual({ kind: 'late' });
    expect(under.arrived(A, at(1), TIMEOUT_MS + 2)).toEqual({ kind: 'duplicate' });
  });

  test('see a second delivery on one path, and none in deliveries on several', () => {
    const under = rounds();
    under.begin(at(1), 0);
    under.arrived(A, at(1), 1);
    expect(under.arrived(B, at(1), 1).kind).toBe('received');
    expect(under.arrived(A, at(1), 2)).toEqual({ kind: 'duplicate' });
  });

  test('see an older delivery behind a newer one, and still count it as received', () => {
    const under = rounds();
    under.begin(at(1), 0);
    under.begin(at(2), 5);
    expect(under.arrived(A, at(2), 6)).toMatchObject({ kind: 'received', outOfOrder: false });
    expect(under.arrived(A, at(1), 7)).toMatchObject({ kind: 'received', outOfOrder: true });
    expect(under.newestOn(A)).toEqual(at(2));
  });

  test('take one repetition after a connect for the snapshot that it is', () => {
    const under = rounds();
    under.begin(at(1), 0);
    under.arrived(A, at(1), 1);
    under.connected(A);
    expect(under.arrived(A, at(1), 2)).toEqual({ kind: 'snapshot' });
    expect(under.arrived(A, at(1), 3)).toEqual({ kind: 'duplicate' });
  });

  test('take the state of an earlier canary for a snapshot, and the round after it for itself', () => {
    const under = rounds();
    under.connected(A);
    expect(under.arrived(A, at(99, 1), 0)).toEqual({ kind: 'snapshot' });
    under.begin(at(1, 2), 1);
    expect(under.arrived(A, at(1, 2), 2).kind).toBe('received');
  });

  test('see it when a replica shows a reconnected client something older than it has shown before', () => {
    const under = rounds();
    for (const seq of [1, 2]) {
      under.begin(at(seq), 0);
      under.arrived(A, at(seq), 1);
    }
    for (let seq = 3; seq < 60; seq += 1) under.arrived(A, at(seq), 1);
    under.connected(A);
    expect(under.arrived(A, at(1), 2)).toMatchObject({ kind: 'received', outOfOrder: true });
    expect(under.arrived(A, at(3), 2)).toEqual({ kind: 'out_of_order' });
  });
});
