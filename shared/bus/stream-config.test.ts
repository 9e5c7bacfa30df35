import { expect, test } from 'vitest';
import { compareStream, eventsStream, messagesStream } from './stream-config.ts';

test('the events stream keeps the last 64 events of a company for ever, the messages stream a day', () => {
  expect(eventsStream(3)).toEqual({
    name: 'WHATSAPP_EVENTS',
    subjects: ['whatsapp.events.*'],
    retention: 'limits',
    storage: 'file',
    discard: 'old',
    max_msgs: -1,
    max_bytes: -1,
    max_age: 0,
    max_msgs_per_subject: 64,
    max_msg_size: 65_536,
    duplicate_window: 120_000_000_000,
    allow_direct: true,
    num_replicas: 3,
  });
  expect(messagesStream(1)).toMatchObject({
    name: 'WHATSAPP_MESSAGES',
    subjects: ['whatsapp.messages.*'],
    max_age: 86_400_000_000_000,
    max_msgs_per_subject: 1_000,
    num_replicas: 1,
  });
});

test('a stream as wanted has no differences, whatever else the server tells of it', () => {
  const want = eventsStream(1);
  expect(compareStream({ ...want, max_consumers: -1, sealed: false, description: 'x' }, want)).toEqual([]);
});

test('a field that the server leaves out counts as its zero value', () => {
  const { max_age: _zero, ...withoutAge } = eventsStream(1);
  expect(compareStream(withoutAge, eventsStream(1))).toEqual([]);
  const { allow_direct: _true, ...withoutDirect } = eventsStream(1);
  expect(compareStream(withoutDirect, eventsStream(1))).toEqual([
    { field: 'allow_direct', have: 'false', want: 'true' },
  ]);
});

test('every differing field is listed with what it is and what it must be', () => {
  const have = { ...eventsStream(1), storage: 'memory', subjects: ['whatsapp.>'], max_bytes: 1_000 };
  expect(compareStream(have, eventsStream(1))).toEqual([
    { field: 'storage', have: '"memory"', want: '"file"' },
    { field: 'max_bytes', have: '1000', want: '-1' },
    { field: 'subjects', have: '["whatsapp.>"]', want: '["whatsapp.events.*"]' },
  ]);
});
