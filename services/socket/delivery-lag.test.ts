import { describe, expect, test } from 'vitest';
import { brokerTransit, connectToEmitLag, lagBetween, snapshotLag } from './delivery-lag.ts';

const occurredAt = 1_764_870_000_000_000;

test('a clock behind the sender gives no negative latency and says so', () => {
  expect(lagBetween(2_000_000, 1_500_000)).toEqual({ seconds: 0, clamped: true });
  expect(lagBetween(1_500_000, 2_000_000)).toEqual({ seconds: 0.5, clamped: false });
  expect(lagBetween(1, 1)).toEqual({ seconds: 0, clamped: false });
});

describe('connectToEmitLag', () => {
  test('counts from the moment WhatsApp reported the event', () => {
    expect(connectToEmitLag({ occurredAt }, occurredAt + 250_000)).toEqual({ seconds: 0.25, clamped: false });
  });

  test('an event published by hand has no latency', () => {
    expect(connectToEmitLag({}, occurredAt)).toBeUndefined();
  });

  test('a republished event has no latency, because it happened long before', () => {
    expect(connectToEmitLag({ occurredAt, republished: true }, occurredAt + 1)).toBeUndefined();
  });
});

describe('snapshotLag', () => {
  const joinedAtUs = occurredAt + 60_000_000;
  const emittedAtUs = joinedAtUs + 5000;

  test('a browser that came after the event waited since it joined', () => {
    expect(snapshotLag({ occurredAt }, { joinedAtUs, waitingSinceMs: undefined, emittedAtUs })).toEqual({
      kind: 'joined',
      lag: { seconds: 0.005, clamped: false },
    });
  });

  test('a browser that was waiting before the event missed it: a repair, counted in full', () => {
    const waitingSinceMs = occurredAt / 1000 - 1;
    expect(snapshotLag({ occurredAt }, { joinedAtUs, waitingSinceMs, emittedAtUs })).toEqual({
      kind: 'repaired',
      lag: { seconds: 60.005, clamped: false },
    });
  });

  test('a browser that says it waits only since after the event missed nothing', () => {
    const waitingSinceMs = occurredAt / 1000 + 1;
    expect(snapshotLag({ occurredAt }, { joinedAtUs, waitingSinceMs, emittedAtUs })).toMatchObject({ kind: 'joined' });
  });

  test('an event between the join and the read is measured from the event', () => {
    expect(
      snapshotLag({ occurredAt: joinedAtUs + 1000 }, { joinedAtUs, waitingSinceMs: undefined, emittedAtUs }),
    ).toEqual({ kind: 'joined', lag: { seconds: 0.004, clamped: false } });
  });

  test('an event published by hand enters no histogram', () => {
    expect(snapshotLag({}, { joinedAtUs, waitingSinceMs: undefined, emittedAtUs })).toBeUndefined();
  });
});

describe('brokerTransit', () => {
  const timestamp = occurredAt / 1000;

  test('counts from the moment the message was sent, whatever it had waited for', () => {
    const publishedAt = occurredAt + 10_000_000;
    expect(brokerTransit({ timestamp, publishedAt }, publishedAt + 120)).toEqual({ seconds: 0.000_12, clamped: false });
  });

  test('counts from the whole ms in which the event was made when nothing better is said', () => {
    expect(brokerTransit({ timestamp }, occurredAt + 900)).toEqual({ seconds: 0.0009, clamped: false });
  });
});
