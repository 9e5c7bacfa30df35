import { expect, test } from 'vitest';
import type { SessionStatePayload } from '../contract/socket-events.ts';
import { SeenStates } from './seen-states.ts';

function payload(state: string, more: Partial<SessionStatePayload> = {}): SessionStatePayload {
  return { state: state as SessionStatePayload['state'], sessionId: 'company_962302', ...more };
}

function after(epoch: number, seq: number): SeenStates {
  const seen = new SeenStates();
  seen.admit(payload('qr', { epoch, seq }));
  return seen;
}

test.each([
  ['the one before', 3, 4, false],
  ['the same again', 3, 5, true],
  ['the next', 3, 6, true],
  ['a late one of the epoch before', 2, 99, false],
  ['the first of the next epoch', 4, 1, true],
])('after 3:5, %s (%d:%d) may be shown: %s', (_which, epoch, seq, expected) => {
  expect(after(3, 5).admit(payload('qr', { epoch, seq }))).toBe(expected);
});

test('an event published by hand may be shown and keeps the mark, so that older ones stay out afterwards', () => {
  const seen = after(3, 5);
  expect(seen.admit(payload('connected'))).toBe(true);
  expect(seen.admit(payload('starting', { epoch: 3, seq: 4 }))).toBe(false);
  expect(seen.newest).toEqual({ epoch: 3, seq: 5 });
});

test('a later stream begins anew, because a system that has lost its data counts from 1 again', () => {
  const seen = new SeenStates();
  seen.admit(payload('connected', { epoch: 3, seq: 5, stream: 1_000 }));
  expect(seen.admit(payload('qr', { epoch: 1, seq: 1, stream: 2_000 }))).toBe(true);
  expect(seen.admit(payload('connected', { epoch: 3, seq: 6, stream: 1_000 }))).toBe(false);
  expect(seen.newest).toEqual({ epoch: 1, seq: 1, stream: 2_000 });
});

test('a position that does not name its stream does not make the known one forgotten', () => {
  const seen = new SeenStates();
  seen.admit(payload('connected', { epoch: 3, seq: 5, stream: 1_000 }));
  seen.admit(payload('disconnected', { epoch: 3, seq: 6 }));
  expect(seen.newest).toEqual({ epoch: 3, seq: 6, stream: 1_000 });
  expect(seen.admit(payload('qr', { epoch: 1, seq: 1, stream: 2_000 }))).toBe(true);
});

test('an unknown state is not shown and raises no mark', () => {
  const seen = after(3, 5);
  expect(seen.admit(payload('levitating', { epoch: 9, seq: 9 }))).toBe(false);
  expect(seen.newest).toEqual({ epoch: 3, seq: 5 });
});
