import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCompanyId } from '../../shared/contract/company-id.ts';
import type { EventType, SessionEvent } from '../../shared/contract/events.ts';
import { comparePositions, type Position } from '../../shared/contract/position.ts';
import { HighWaterMarks } from './high-water-marks.ts';

const companyId = parseCompanyId('962302');

function eventOf(type: EventType, position?: Position): SessionEvent {
  return { type, companyId, timestamp: 1, phoneNumber: '79990000001', ...position } as SessionEvent;
}

type Step =
  | ['live', EventType, Position | string, string]
  | ['stored', EventType, Position | string, string]
  | ['interrupt']
  | ['another stream'];

const at = (epoch: number, seq: number): Position => ({ epoch, seq });

/** Each step names the event, its position or (published by hand) its hash, and the verdict. */
const STORIES: readonly (readonly [title: string, ...steps: Step[]])[] = [
  ['the first event is newest whatever its number', ['live', 'qr', at(3, 17), 'newest']],
  [
    'a repeated event is a duplicate and an older one is stale',
    ['live', 'qr', at(1, 1), 'newest'],
    ['live', 'linked', at(1, 2), 'newest'],
    ['live', 'linked', at(1, 2), 'duplicate'],
    ['live', 'qr', at(1, 1), 'stale'],
  ],
  [
    'a former owner is stale however high its sequence',
    ['live', 'starting', at(2, 1), 'newest'],
    ['live', 'connected', at(1, 900), 'stale'],
  ],
  [
    'a missing sequence is a gap and the event itself is shown',
    ['live', 'qr', at(1, 1), 'newest'],
    ['live', 'linked', at(1, 3), 'newest gap'],
    ['live', 'connected', at(1, 4), 'newest'],
  ],
  [
    'a new epoch begins with 1, anything else is a gap',
    ['live', 'qr', at(1, 5), 'newest'],
    ['live', 'starting', at(2, 1), 'newest'],
    ['live', 'qr', at(4, 2), 'newest gap'],
  ],
  [
    'a room that was empty for a while sees no gap',
    ['live', 'qr', at(1, 1), 'newest'],
    ['interrupt'],
    ['live', 'qr', at(1, 9), 'newest'],
    ['live', 'qr', at(1, 11), 'newest gap'],
  ],
  [
    'a stored event that is newer is shown, the same or an older one is not',
    ['live', 'qr', at(1, 2), 'newest'],
    ['stored', 'qr', at(1, 2), 'shown'],
    ['stored', 'starting', at(1, 1), 'stale'],
    ['stored', 'connected', at(1, 3), 'newest'],
    ['live', 'connected', at(1, 3), 'duplicate'],
  ],
  [
    'an event published by hand is newest at its live arrival, even repeated',
    ['live', 'qr', at(1, 2), 'newest'],
    ['live', 'connected', 'a', 'newest'],
    ['live', 'connected', 'a', 'newest'],
  ],
  [
    'an event published by hand is recognised in the stream',
    ['live', 'connected', 'a', 'newest'],
    ['stored', 'connected', 'a', 'shown'],
    ['stored', 'connected', 'b', 'newest'],
    ['stored', 'connected', 'b', 'shown'],
  ],
  [
    'an event published by hand that the owner overtook does not come back from the stream',
    ['live', 'disconnected', 'a', 'newest'],
    ['live', 'qr', at(1, 3), 'newest'],
    ['stored', 'disconnected', 'a', 'stale'],
  ],
  [
    'an event published by hand raises no mark',
    ['live', 'qr', at(1, 2), 'newest'],
    ['live', 'disconnected', 'a', 'newest'],
    ['live', 'qr', at(1, 3), 'newest'],
    ['stored', 'disconnected', 'b', 'newest'],
    ['live', 'qr', at(1, 4), 'newest'],
  ],
  [
    'a connected published by hand holds against the steps before a connect',
    ['live', 'connected', 'a', 'newest'],
    ['live', 'starting', at(1, 1), 'held'],
    ['live', 'qr', at(1, 2), 'held'],
    ['stored', 'pairing-code', at(1, 3), 'held'],
    ['live', 'pairing-code-error', at(1, 4), 'held'],
    ['live', 'qr', at(1, 4), 'duplicate'],
    ['live', 'disconnected', at(1, 5), 'newest'],
    ['live', 'qr', at(1, 6), 'newest'],
  ],
  [
    'a connected published by hand and read from the stream holds as well',
    ['stored', 'connected', 'a', 'newest'],
    ['live', 'qr', at(7, 2), 'held'],
    ['live', 'qr-expired', at(7, 3), 'newest'],
  ],
  [
    'another state published by hand does not hold',
    ['live', 'disconnected', 'a', 'newest'],
    ['live', 'qr', at(1, 1), 'newest'],
  ],
  [
    'a live event published by hand stays although the stream still answers the one before it',
    ['live', 'disconnected', at(1, 1), 'newest'],
    ['live', 'connected', 'a', 'newest'],
    ['stored', 'disconnected', at(1, 1), 'shown'],
  ],
  [
    'a replica that answers late cannot leave an older event on the page',
    ['live', 'connected', at(1, 2), 'newest'],
    ['stored', 'disconnected', 'older', 'newest'],
    ['stored', 'connected', at(1, 2), 'newest'],
    ['stored', 'connected', at(1, 2), 'shown'],
  ],
  [
    'with another stream an owner that has lost everything counts from 1 again, and in order from there',
    ['live', 'connected', at(57, 3), 'newest'],
    ['another stream'],
    ['live', 'starting', at(1, 1), 'newest'],
    ['live', 'qr', at(1, 2), 'newest'],
    ['live', 'starting', at(1, 1), 'stale'],
    ['stored', 'qr', at(1, 2), 'shown'],
  ],
  [
    'with another stream an owner that has lost nothing repeats itself, and the past stays the past',
    ['live', 'connected', at(57, 3), 'newest'],
    ['another stream'],
    ['live', 'connected', at(57, 3), 'duplicate'],
    ['live', 'linked', at(57, 2), 'stale'],
    ['live', 'disconnected', at(57, 4), 'newest'],
  ],
  [
    'with another stream an owner that goes on leaves no gap',
    ['live', 'connected', at(57, 3), 'newest'],
    ['another stream'],
    ['stored', 'disconnected', at(57, 9), 'newest'],
    ['live', 'connected', at(57, 10), 'newest'],
    ['live', 'connected', at(56, 1), 'stale'],
  ],
  [
    'with another stream a connected published by hand no longer stands against the owner',
    ['live', 'connected', 'a', 'newest'],
    ['another stream'],
    ['live', 'starting', at(1, 1), 'newest'],
  ],
];

test.each(STORIES)('%s', (_title, ...steps) => {
  const mark = new HighWaterMarks();
  for (const [kind, type, place, expected] of steps) {
    if (kind === 'interrupt' || kind === 'another stream') {
      if (kind === 'interrupt') mark.interrupt();
      else mark.forgetOrder();
      continue;
    }
    const hashOf = () => (typeof place === 'string' ? place : expect.unreachable('hash of a numbered event'));
    const event = eventOf(type as EventType, typeof place === 'string' ? undefined : place);
    if (kind === 'stored') {
      expect(mark.judgeStored(event, hashOf, mark.liveCount)).toBe(expected);
    } else {
      const { verdict, gap } = mark.judgeLive(event, hashOf);
      expect(gap ? `${verdict} gap` : verdict).toBe(expected);
    }
  }
});

describe('a read that a live event overtook', () => {
  test('says nothing, whoever published the live event', () => {
    for (const live of [eventOf('qr', at(1, 1)), eventOf('connected')]) {
      const mark = new HighWaterMarks();
      const before = mark.liveCount;
      mark.judgeLive(live, () => 'a');
      expect(mark.judgeStored(eventOf('disconnected', at(9, 9)), () => '', before)).toBe('overtaken');
      expect(mark.highest).toEqual(live.epoch === undefined ? undefined : at(1, 1));
    }
  });

  test('is not overtaken by duplicates, so a repeating publisher cannot keep a page from its state', () => {
    const mark = new HighWaterMarks();
    mark.judgeLive(eventOf('qr', at(1, 1)), () => '');
    const before = mark.liveCount;
    mark.judgeLive(eventOf('qr', at(1, 1)), () => '');
    expect(mark.judgeStored(eventOf('connected', at(1, 2)), () => '', before)).toBe('newest');
  });
});

test('an event is news until it was seen, live or stored', () => {
  const mark = new HighWaterMarks();
  const hashOf = () => 'a';
  expect(mark.isNews(eventOf('qr', at(1, 1)), hashOf)).toBe(true);
  mark.judgeLive(eventOf('qr', at(1, 1)), hashOf);
  expect(mark.isNews(eventOf('qr', at(1, 1)), hashOf)).toBe(false);
  expect(mark.isNews(eventOf('qr', at(1, 2)), hashOf)).toBe(true);
  expect(mark.isNews(eventOf('connected'), hashOf)).toBe(true);
  mark.judgeStored(eventOf('connected'), hashOf, mark.liveCount);
  expect(mark.isNews(eventOf('connected'), hashOf)).toBe(false);
});

test('whatever arrives in whatever order, what an owner shows only ever gets newer', () => {
  const position = fc.record({ epoch: fc.integer({ min: 1, max: 3 }), seq: fc.integer({ min: 1, max: 5 }) });
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom('live', 'stored'), position)), (arrivals) => {
      const mark = new HighWaterMarks();
      let last: Position | undefined;
      for (const [kind, place] of arrivals) {
        const event = eventOf('disconnected', place);
        const verdict =
          kind === 'live' ? mark.judgeLive(event, () => '').verdict : mark.judgeStored(event, () => '', mark.liveCount);
        if (verdict !== 'newest') continue;
        if (last) expect(comparePositions(place, last)).toBeGreaterThan(0);
        last = place;
      }
    }),
  );
});
