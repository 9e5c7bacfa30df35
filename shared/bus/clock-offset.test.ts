import fc from 'fast-check';
import { expect, test } from 'vitest';
import { toOffset } from './clock-offset.ts';

test('equal clocks have no offset and the round trip is the network alone', () => {
  const sample = { sentMs: 100, receivedByPeerMs: 103, answeredByPeerMs: 150, receivedMs: 153 };
  expect(toOffset(sample)).toEqual({ offsetMs: 0, roundTripMs: 6 });
});

test('a peer that is ahead has a positive offset, one behind a negative one', () => {
  expect(toOffset({ sentMs: 0, receivedByPeerMs: 5_001, answeredByPeerMs: 5_001, receivedMs: 2 }).offsetMs).toBe(5_000);
  expect(toOffset({ sentMs: 0, receivedByPeerMs: -4_999, answeredByPeerMs: -4_999, receivedMs: 2 }).offsetMs).toBe(
    -5_000,
  );
});

test('the error is at most half the round trip, however the ways there and back differ', () => {
  const ms = fc.integer({ min: 0, max: 100_000 });
  fc.assert(
    fc.property(fc.integer({ min: -1e9, max: 1e9 }), ms, ms, ms, (offset, there, thinking, back) => {
      const receivedByPeerMs = there + offset;
      const answeredByPeerMs = receivedByPeerMs + thinking;
      const measured = toOffset({ sentMs: 0, receivedByPeerMs, answeredByPeerMs, receivedMs: there + thinking + back });
      expect(measured.roundTripMs).toBe(there + back);
      expect(Math.abs(measured.offsetMs - offset)).toBeLessThanOrEqual(measured.roundTripMs / 2);
    }),
  );
});
