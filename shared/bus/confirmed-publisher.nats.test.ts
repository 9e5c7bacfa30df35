import { setTimeout as sleep } from 'node:timers/promises';
import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  connectBus,
  readStoredEvents,
  testCompany,
  testEvent,
  textOf,
  type WatchedBus,
} from '../../test/harness/bus.ts';
import { startNatsServer, type NatsServer } from '../../test/harness/nats-server.ts';
import { waitFor } from '../../test/harness/wait-for.ts';
import type { CompanyId } from '../contract/company-id.ts';
import { EVENTS_STREAM, EVENTS_WILDCARD, eventsSubject } from '../contract/subjects.ts';
import { ConfirmedPublisher, type ConfirmedPublisherOptions, type PublishRetry } from './confirmed-publisher.ts';
import { askJetStream } from './jetstream-api.ts';
import { natsOf } from './nats-connection.ts';
import { ensureStreams } from './streams.ts';

const streams = { replicas: 1, mayChange: true } as const;
const company = testCompany(1);

let stack: AsyncDisposableStack;
let server: NatsServer;
let connection: WatchedBus;
let retries: PublishRetry[];

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  server = stack.use(await startNatsServer());
  connection = stack.use(await connectBus(server));
  await ensureStreams(connection.bus, streams);
  retries = [];
});

afterEach(() => stack.disposeAsync());

function startPublisher(options: Partial<ConfirmedPublisherOptions> = {}, { bus } = connection): ConfirmedPublisher {
  return stack.use(
    new ConfirmedPublisher(bus, {
      streams,
      backoff: { baseMs: 10, maxMs: 100 },
      attemptTimeoutMs: 500,
      onRetry: (retry) => retries.push(retry),
      ...options,
    }),
  );
}

/** As `nats pub` does it: no headers, no confirmation. */
async function publishByHand(body: string, companyId: CompanyId = company): Promise<void> {
  natsOf(connection.bus).publish(eventsSubject(companyId), body);
  expect(await connection.bus.flush(5_000)).toBe(true);
}

async function storedIds(companyId: CompanyId = company): Promise<(string | undefined)[]> {
  const events = await readStoredEvents(connection.bus, companyId);
  return events.map((event) => event.header('Nats-Msg-Id'));
}

const byHand = JSON.stringify({ type: 'connected', companyId: company, phoneNumber: '79990000001', timestamp: 1 });

describe('while the broker is away', () => {
  test('600 events of 20 companies are each stored once and in order over a kill -9 of two seconds', async () => {
    const publisher = startPublisher();
    const companies = Array.from({ length: 20 }, (_, index) => testCompany(index));
    let decided = 0;
    const published = companies.map(async (companyId) => {
      for (let seq = 1; seq <= 30; seq += 1) {
        const outcome = await publisher.publish(companyId, testEvent(companyId, { epoch: 1, seq }));
        expect(outcome).toEqual({ kind: 'stored' });
        decided += 1;
        await sleep(5);
      }
    });
    await waitFor(() => decided >= 100, { what: 'the first events' });
    await server.kill();
    const before = decided;
    // The length of the outage is what is tested.
    await sleep(2_000);
    await server.restart();
    await Promise.all(published);

    expect(before).toBeLessThan(600);
    expect(connection.saw('reconnected')).toBe(true);
    for (const companyId of companies) {
      const expected = Array.from({ length: 30 }, (_, index) => `${companyId}:1:${index + 1}`);
      expect(await storedIds(companyId)).toEqual(expected);
    }
  });

  test('an event published into the outage is stored when the broker is back', async () => {
    const publisher = startPublisher();
    await publisher.publish(company, testEvent(company, { epoch: 1, seq: 1 }));
    await server.kill();
    await waitFor(() => connection.saw('disconnected'), { what: 'the disconnect' });
    const outcome = publisher.publish(company, testEvent(company, { epoch: 1, seq: 2 }));
    expect(publisher.depth).toBe(1);
    await server.restart();
    expect(await outcome).toEqual({ kind: 'stored' });
    expect(publisher.depth).toBe(0);
  });

  test('an acknowledgement that never came is no duplicate: the repetition answers stored', async () => {
    const publisher = startPublisher({ attemptTimeoutMs: 200 });
    await publisher.publish(company, testEvent(company, { epoch: 1, seq: 1 }));
    await server.pause();
    const outcome = publisher.publish(company, testEvent(company, { epoch: 1, seq: 2 }));
    await waitFor(() => retries.length >= 2, { what: 'two attempts without an answer' });
    server.resume();
    expect(await outcome).toEqual({ kind: 'stored' });
    expect(retries.map(({ error }) => error.code)).toContain('BUS_TIMEOUT');
    expect(await storedIds()).toEqual([`${company}:1:1`, `${company}:1:2`]);
  });

  test('events that wait longer than a drain allows are given up and said to be', async () => {
    const publisher = startPublisher();
    await server.kill();
    await waitFor(() => connection.saw('disconnected'), { what: 'the disconnect' });
    const outcomes = [1, 2, 3].map((seq) => publisher.publish(company, testEvent(company, { epoch: 1, seq })));
    const settled = Promise.allSettled(outcomes);
    expect(await publisher.drain(50)).toBe(3);
    for (const result of await settled) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'PUBLISHER_STOPPED' } });
    }
    expect(publisher.depth).toBe(0);
    await expect(publisher.publish(company, testEvent(company, { epoch: 1, seq: 4 }))).rejects.toMatchObject({
      code: 'PUBLISHER_STOPPED',
    });
  });

  test('closing the connection ends what waits for it', async () => {
    const publisher = startPublisher();
    await server.kill();
    await waitFor(() => connection.saw('disconnected'), { what: 'the disconnect' });
    const outcome = publisher.publish(company, testEvent(company, { epoch: 1, seq: 1 }));
    const [result] = await Promise.allSettled([outcome, connection.bus.drain()]);
    expect(result).toMatchObject({ status: 'rejected', reason: { code: 'PUBLISHER_STOPPED' } });
  });
});

describe('between owners', () => {
  test('a former owner is refused once its successor has published', async () => {
    const successorConnection = stack.use(await connectBus(server));
    const former = startPublisher();
    const successor = startPublisher({}, successorConnection);
    expect(await former.publish(company, testEvent(company, { epoch: 1, seq: 1 }))).toEqual({ kind: 'stored' });
    expect(await successor.publish(company, testEvent(company, { epoch: 2, seq: 1 }))).toEqual({ kind: 'stored' });
    const late = [2, 3].map((seq) => former.publish(company, testEvent(company, { epoch: 1, seq })));
    for (const outcome of await Promise.all(late)) {
      expect(outcome).toEqual({ kind: 'fenced', by: { epoch: 2, seq: 1 } });
    }
    expect(await storedIds()).toEqual([`${company}:1:1`, `${company}:2:1`]);
  });

  test('an event published by hand does not hide the successor from a former owner', async () => {
    const former = startPublisher();
    const successor = startPublisher();
    await former.publish(company, testEvent(company, { epoch: 1, seq: 1 }));
    await successor.publish(company, testEvent(company, { epoch: 2, seq: 1 }));
    await publishByHand(byHand);
    const outcome = await former.publish(company, testEvent(company, { epoch: 1, seq: 2 }));
    expect(outcome).toEqual({ kind: 'fenced', by: { epoch: 2, seq: 1 } });
  });

  test('an owner that wakes up for its first event finds its successor', async () => {
    await startPublisher().publish(company, testEvent(company, { epoch: 2, seq: 1 }));
    await publishByHand(byHand);
    const outcome = await startPublisher().publish(company, testEvent(company, { epoch: 1, seq: 1 }));
    expect(outcome).toEqual({ kind: 'fenced', by: { epoch: 2, seq: 1 } });
    expect(retries).toEqual([]);
  });

  test('a fenced owner goes on after it acquired a higher epoch', async () => {
    const first = startPublisher();
    await first.publish(company, testEvent(company, { epoch: 1, seq: 1 }));
    await startPublisher().publish(company, testEvent(company, { epoch: 2, seq: 1 }));
    expect(await first.publish(company, testEvent(company, { epoch: 1, seq: 2 }))).toMatchObject({ kind: 'fenced' });
    expect(await first.publish(company, testEvent(company, { epoch: 3, seq: 1 }))).toEqual({ kind: 'stored' });
  });
});

describe('next to other publishers', () => {
  test('an event gets in although somebody publishes before every one of its attempts', async () => {
    const publisher = startPublisher({
      onRetry: (retry) => {
        retries.push(retry);
        // The same connection: the server has it before whatever the publisher sends next.
        natsOf(connection.bus).publish(eventsSubject(company), byHand);
      },
    });
    await publisher.publish(company, testEvent(company, { epoch: 1, seq: 1 }));
    await publishByHand(byHand);
    expect(await publisher.publish(company, testEvent(company, { epoch: 1, seq: 2 }))).toEqual({ kind: 'stored' });
    expect(retries).toHaveLength(2);
  });

  test('a repetition is told of in the trace of its own event, whichever event of the company began the queue', async () => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager());
    stack.defer(() => context.disable());
    const traces: (string | undefined)[] = [];
    const publisher = startPublisher({ onRetry: () => traces.push(trace.getSpanContext(context.active())?.traceId) });
    const traceIds = ['a', 'b'].map((digit) => digit.repeat(32));
    const published = traceIds.map((traceId, index) => {
      const event = testEvent(company, { epoch: 1, seq: index + 1 });
      const bytes = typeof event.body === 'function' ? event.body() : event.body;
      let attempts = 0;
      const body = () => {
        attempts += 1;
        if (attempts === 1) natsOf(connection.bus).publish(eventsSubject(company), byHand);
        return bytes;
      };
      return publisher.publish(company, {
        ...event,
        body,
        headers: { traceparent: `00-${traceId}-${'c'.repeat(16)}-00` },
      });
    });
    expect(await Promise.all(published)).toEqual([{ kind: 'stored' }, { kind: 'stored' }]);
    expect(traces).toEqual(traceIds);
  });

  test('an event published by hand in between is stepped over and the next one is stored behind it', async () => {
    const publisher = startPublisher();
    await publisher.publish(company, testEvent(company, { epoch: 1, seq: 1 }));
    await publishByHand(byHand);
    expect(await publisher.publish(company, testEvent(company, { epoch: 1, seq: 2 }))).toEqual({ kind: 'stored' });
    expect(retries).toMatchObject([{ companyId: company, attempt: 1, error: { code: 'BUS_REFUSED' } }]);
    expect(await storedIds()).toEqual([`${company}:1:1`, undefined, `${company}:1:2`]);
  });

  test('poison that somebody stored on the subject stops nobody', async () => {
    const publisher = startPublisher();
    for (const poison of ['not JSON', '{"type":"no such type"}', '\u0000', '[]']) {
      await publishByHand(poison);
      const seq = (await storedIds()).length + 1;
      expect(await publisher.publish(company, testEvent(company, { epoch: 1, seq }))).toEqual({ kind: 'stored' });
    }
  });

  test('a first attempt answered as a duplicate is told apart from a repetition', async () => {
    await startPublisher().publish(company, testEvent(company, { epoch: 1, seq: 1 }, { name: 'theirs' }));
    const outcome = await startPublisher().publish(company, testEvent(company, { epoch: 1, seq: 1 }, { name: 'ours' }));
    expect(outcome).toEqual({ kind: 'duplicate' });
    const [only, ...rest] = await readStoredEvents(connection.bus, company);
    expect(rest).toEqual([]);
    expect(only && textOf(only)).toContain('theirs');
  });

  test('an id that the deduplication window remembers is a duplicate even when its event is gone', async () => {
    const publisher = startPublisher();
    await startPublisher().publish(company, testEvent(company, { epoch: 1, seq: 1 }));
    await askJetStream(connection.bus, `STREAM.PURGE.${EVENTS_STREAM}`);
    expect(await publisher.publish(company, testEvent(company, { epoch: 1, seq: 1 }))).toEqual({ kind: 'duplicate' });
    expect(await publisher.publish(company, testEvent(company, { epoch: 2, seq: 1 }))).toEqual({ kind: 'stored' });
  });

  test('an answer of somebody who listens on the subject is taken for no acknowledgement', async () => {
    const subscription = natsOf(connection.bus).subscribe(eventsSubject(company), {
      callback: (_error, message) => message.respond('{"ok":true}'),
    });
    stack.defer(() => subscription.unsubscribe());
    const outcome = await startPublisher().publish(company, testEvent(company, { epoch: 1, seq: 1 }));
    expect(outcome).toEqual({ kind: 'stored' });
    expect(await storedIds()).toEqual([`${company}:1:1`]);
  });
});

describe('when the stream is gone', () => {
  test('it is created again and publishing goes on', async () => {
    let missing = 0;
    const publisher = startPublisher({ onStreamMissing: () => (missing += 1) });
    await publisher.publish(company, testEvent(company, { epoch: 1, seq: 1 }));
    await askJetStream(connection.bus, `STREAM.DELETE.${EVENTS_STREAM}`);
    expect(await publisher.publish(company, testEvent(company, { epoch: 1, seq: 2 }))).toEqual({ kind: 'stored' });
    expect(missing).toBe(1);
    expect(await storedIds()).toEqual([`${company}:1:2`]);
  });

  test('the first event of a company brings it back too', async () => {
    const publisher = startPublisher();
    await askJetStream(connection.bus, `STREAM.DELETE.${EVENTS_STREAM}`);
    expect(await publisher.publish(company, testEvent(company, { epoch: 1, seq: 1 }))).toEqual({ kind: 'stored' });
  });

  test('one that cannot be created is told of, and publishing goes on when it can', async () => {
    const failures: unknown[] = [];
    const publisher = startPublisher({ onStreamMissing: (failure) => failures.push(failure) });
    await askJetStream(connection.bus, `STREAM.DELETE.${EVENTS_STREAM}`);
    const other = { name: 'OTHER', subjects: [EVENTS_WILDCARD], storage: 'memory', no_ack: true };
    await askJetStream(connection.bus, 'STREAM.CREATE.OTHER', other);
    const outcome = publisher.publish(company, testEvent(company, { epoch: 1, seq: 1 }));
    const failure = await waitFor(() => failures[0], { what: 'the failure to create the stream' });
    expect(failure).toMatchObject({ code: 'BUS_REFUSED' });
    await askJetStream(connection.bus, 'STREAM.DELETE.OTHER');
    expect(await outcome).toEqual({ kind: 'stored' });
  });

  test('one that somebody else created again meanwhile is noticed by its sequence', async () => {
    const publisher = startPublisher();
    await publisher.publish(company, testEvent(company, { epoch: 1, seq: 1 }));
    await askJetStream(connection.bus, `STREAM.DELETE.${EVENTS_STREAM}`);
    await ensureStreams(connection.bus, streams);
    expect(await publisher.publish(company, testEvent(company, { epoch: 1, seq: 2 }))).toEqual({ kind: 'stored' });
  });
});

describe('bounds', () => {
  test('a full queue refuses the next event of that company and takes those of others', async () => {
    const depths: number[] = [];
    const publisher = startPublisher({ maxQueuedPerCompany: 3, onQueueDepth: (depth) => depths.push(depth) });
    const mine = [1, 2, 3].map((seq) => publisher.publish(company, testEvent(company, { epoch: 1, seq })));
    await expect(publisher.publish(company, testEvent(company, { epoch: 1, seq: 4 }))).rejects.toMatchObject({
      code: 'PUBLISH_QUEUE_FULL',
    });
    const other = testCompany(2);
    const theirs = publisher.publish(other, testEvent(other, { epoch: 1, seq: 1 }));
    await Promise.all([...mine, theirs]);
    expect(Math.max(...depths)).toBe(4);
    expect(depths.at(-1)).toBe(0);
    expect(await storedIds()).toEqual([1, 2, 3].map((seq) => `${company}:1:${seq}`));
  });

  test('an event larger than the stream takes is refused at once and the next one goes through', async () => {
    const publisher = startPublisher();
    const large = testEvent(company, { epoch: 1, seq: 1 }, { name: 'x'.repeat(64 * 1024) });
    await expect(publisher.publish(company, large)).rejects.toMatchObject({ code: 'PUBLISH_REFUSED' });
    expect(await publisher.publish(company, testEvent(company, { epoch: 1, seq: 2 }))).toEqual({ kind: 'stored' });
  });

  test('the largest event that is taken is one that the stream stores', async () => {
    const publisher = startPublisher();
    for (let length = 65_150; ; length += 1) {
      const event = testEvent(company, { epoch: 1, seq: length }, { name: 'x'.repeat(length) });
      try {
        expect(await publisher.publish(company, event)).toEqual({ kind: 'stored' });
      } catch (error) {
        expect(error).toMatchObject({ code: 'PUBLISH_REFUSED', cause: { code: 'BUS_TOO_LARGE' } });
        break;
      }
    }
    expect((await storedIds()).length).toBeGreaterThan(0);
  });

  test('a header that would break the protocol line is refused and breaks nothing', async () => {
    const publisher = startPublisher();
    const event = testEvent(company, { epoch: 1, seq: 1 });
    for (const headers of [{ 'x-a': 'b\r\nNats-Rollup: all' }, { 'x a': 'b' }, { 'x-a\r\n': 'b' }, { '': 'b' }]) {
      await expect(publisher.publish(company, { ...event, headers })).rejects.toMatchObject({
        code: 'PUBLISH_REFUSED',
      });
    }
    expect(await publisher.publish(company, event)).toEqual({ kind: 'stored' });
    expect(connection.saw('disconnected')).toBe(false);
  });

  test('a drain waits for what is under way', async () => {
    const publisher = startPublisher();
    const outcomes = [1, 2, 3].map((seq) => publisher.publish(company, testEvent(company, { epoch: 1, seq })));
    expect(await publisher.drain(10_000)).toBe(0);
    expect(await Promise.all(outcomes)).toEqual([{ kind: 'stored' }, { kind: 'stored' }, { kind: 'stored' }]);
  });
});
