import { expect, test } from 'vitest';
import { companyOfFlood, prepareFrames } from './flood-frames.ts';

const TENTH = { companies: 1000, rooms: 100, audience: 0.1 };

test('a flood gives the companies with a browser their share of the events, and meets every other one', () => {
  const companies = Array.from({ length: 50_000 }, (_, event) => companyOfFlood(TENTH, event));
  const heard = companies.filter((company) => company < TENTH.rooms);
  expect(heard.length / companies.length).toBeCloseTo(0.1, 2);
  expect(new Set(companies).size).toBe(TENTH.companies);
  expect(new Set(heard).size).toBe(TENTH.rooms);
});

test('more companies change neither who is heard nor how often', () => {
  const heard = (companies: number) =>
    Array.from({ length: 10_000 }, (_, event) => companyOfFlood({ ...TENTH, companies }, event)).map((company) =>
      company < TENTH.rooms ? company : undefined,
    );
  expect(heard(100_000)).toEqual(heard(1000));
});

test('a flood of companies that all have a browser is heard throughout', () => {
  const { deliveries, sent } = prepareFrames('nats', {
    shape: { companies: 50, rooms: 50, audience: 1 },
    events: 250,
    epoch: 7,
  });
  expect(deliveries).toEqual([100, 100, 50]);
  expect([...sent.values()].reduce((sum, count) => sum + count, 0)).toBe(250);
});

test.each(['nats', 'nats-raw'] as const)('%s frames say how long they are', (wire) => {
  const { frames } = prepareFrames(wire, { shape: TENTH, events: 1, epoch: 7 });
  const text = String(frames[0]);
  const [, head, total] = /^HPUB \S+ (\d+) (\d+)\r\n/.exec(text) ?? [];
  const content = text.slice(text.indexOf('\r\n') + 2);
  expect(content.length).toBe(Number(total) + 2);
  expect(content.slice(0, Number(head))).toMatch(/^NATS\/1\.0\r\n[^]*\r\n\r\n$/);
  expect(JSON.parse(content.slice(Number(head)))).toMatchObject({ type: 'connected', epoch: 7, seq: 1 });
});

test('a Redis frame carries the body alone', () => {
  const text = String(prepareFrames('redis', { shape: TENTH, events: 1, epoch: 7 }).frames[0]);
  const [, length, body] = /\r\n\$(\d+)\r\n(\{.*\})\r\n$/.exec(text) ?? [];
  expect(String(body)).toHaveLength(Number(length));
});
