import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectBus, testCompany, testEvent, textOf, type WatchedBus } from '../../test/harness/bus.ts';
import { startNatsServer, type NatsServer } from '../../test/harness/nats-server.ts';
import { waitFor } from '../../test/harness/wait-for.ts';
import { eventsSubject, MAX_EVENT_BYTES } from '../contract/subjects.ts';
import { ConfirmedPublisher } from './confirmed-publisher.ts';
import { subscribeEvents, type LiveMessage } from './event-feed.ts';
import { readLastEvent, readLastEventFromLeader } from './last-event.ts';
import { natsOf } from './nats-connection.ts';
import { ensureStreams } from './streams.ts';

const streams = { replicas: 1, mayChange: true } as const;
const company = testCompany(1);
const subject = eventsSubject(company);

let stack: AsyncDisposableStack;
let server: NatsServer;
let connection: WatchedBus;
let received: LiveMessage[];
let errors: unknown[];

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  server = stack.use(await startNatsServer());
  connection = stack.use(await connectBus(server));
  await ensureStreams(connection.bus, streams);
  received = [];
  errors = [];
});

afterEach(() => stack.disposeAsync());

async function subscribe(onMessage = (message: LiveMessage) => void received.push(message)) {
  const subscription = stack.use(subscribeEvents(connection.bus, onMessage, (error) => errors.push(error)));
  expect(await connection.bus.flush(5_000)).toBe(true);
  return subscription;
}

/** A client without a library in between, that can send what no library would. */
async function rawClient(): Promise<Socket> {
  const socket = connect(server.port, '127.0.0.1');
  stack.defer(() => void socket.destroy());
  socket.on('data', () => undefined);
  await once(socket, 'connect');
  socket.write('CONNECT {"verbose":false,"headers":true}\r\n');
  return socket;
}

function sendRaw(socket: Socket, headers: string, body: string): void {
  const length = Buffer.byteLength(headers, 'latin1');
  const total = length + Buffer.byteLength(body, 'latin1');
  socket.write(Buffer.from(`HPUB ${subject} ${length} ${total}\r\n${headers}${body}\r\n`, 'latin1'));
}

describe('the live feed', () => {
  test('delivers events of all companies, each with its headers, in order per company', async () => {
    await subscribe();
    await using publisher = new ConfirmedPublisher(connection.bus, { streams });
    const companies = [1, 2, 3].map(testCompany);
    await Promise.all(
      companies.flatMap((id) => [1, 2, 3].map((seq) => publisher.publish(id, testEvent(id, { epoch: 1, seq })))),
    );
    await waitFor(() => received.length === 9, { what: 'nine events' });
    for (const id of companies) {
      const ids = received
        .filter((message) => message.subject === eventsSubject(id))
        .map((m) => m.header('nats-msg-id'));
      expect(ids).toEqual([1, 2, 3].map((seq) => `${id}:1:${seq}`));
    }
    expect(received[0]?.header('traceparent')).toBeUndefined();
  });

  test('a message that the callback fails on costs nothing but itself', async () => {
    await subscribe((message) => {
      if (textOf(message) === 'bad') throw new Error('cannot take it');
      received.push(message);
    });
    for (const body of ['good', 'bad', 'good']) natsOf(connection.bus).publish(subject, body);
    await waitFor(() => received.length === 2, { what: 'the good messages' });
    expect(errors).toEqual([new Error('cannot take it')]);
    expect(await connection.bus.flush(5_000)).toBe(true);
  });

  test('goes on by itself after the broker was killed', async () => {
    const subscription = await subscribe();
    await server.kill();
    await server.restart();
    await connection.bus.untilConnected(AbortSignal.timeout(10_000));
    expect(subscription.active).toBe(true);
    natsOf(connection.bus).publish(subject, 'after');
    await waitFor(() => received.length === 1, { what: 'the event after the restart' });
  });

  test('delivers an event larger than the stream takes, for the gateway to drop, and the next one', async () => {
    await subscribe();
    natsOf(connection.bus).publish(subject, new Uint8Array(MAX_EVENT_BYTES + 1_024));
    natsOf(connection.bus).publish(subject, 'next');
    await waitFor(() => received.length === 2, { what: 'both' });
    expect(received.map(({ body }) => body.length)).toEqual([MAX_EVENT_BYTES + 1_024, 4]);
    expect(await readLastEvent(connection.bus, company)).toMatchObject({ streamSeq: 1 });
  });

  test('ends with a drain, more than once, and reports a subscription on a closed connection', async () => {
    const subscription = await subscribe();
    await Promise.all([subscription.drain(), subscription.drain()]);
    expect(subscription.active).toBe(false);
    natsOf(connection.bus).publish(subject, 'late');
    await connection.bus.flush(5_000);
    expect(received).toEqual([]);
    await connection.bus.drain();
    await subscription.drain();
    expect(() => subscribeEvents(connection.bus, () => undefined)).toThrow(
      expect.objectContaining({ code: 'BUS_CLOSED' }) as Error,
    );
  });

  test('is inactive and says so where the permissions forbid it', async () => {
    const users = '{ user: u, password: p, permissions: { subscribe: ["_INBOX_test.>"] } }';
    const strict = stack.use(await startNatsServer({ config: `authorization { users: [ ${users} ] }` }));
    const { bus } = stack.use(await connectBus({ url: `nats://u:p@127.0.0.1:${strict.port}` }));
    const subscription = subscribeEvents(
      bus,
      () => undefined,
      (error) => errors.push(error),
    );
    await waitFor(() => !subscription.active, { what: 'the refusal' });
    expect(errors).toMatchObject([{ code: 'BUS_FORBIDDEN' }]);
  });
});

describe('the last event', () => {
  test('is undefined for a company without one', async () => {
    expect(await readLastEvent(connection.bus, company)).toBeUndefined();
    expect(await readLastEventFromLeader(connection.bus, company)).toBeUndefined();
  });

  test('is the newest one with its headers, place and time, from any replica and from the leader', async () => {
    await using publisher = new ConfirmedPublisher(connection.bus, { streams });
    const before = Date.now();
    for (const seq of [1, 2]) {
      const headers = { traceparent: `trace-${seq}`, 'Nats-Sequence': '999', 'Nats-Time-Stamp': 'never' };
      await publisher.publish(company, { ...testEvent(company, { epoch: 1, seq }), headers });
    }
    for (const read of [readLastEvent, readLastEventFromLeader]) {
      const last = await read(connection.bus, company);
      expect(last).toMatchObject({ streamSeq: 2 });
      expect(last?.header('Traceparent')).toBe('trace-2');
      expect(last?.header('nats-msg-id')).toBe(`${company}:1:2`);
      expect(last && JSON.parse(textOf(last))).toMatchObject({ seq: 2 });
      expect(Math.abs((last?.storedAtMs ?? 0) - before)).toBeLessThan(60_000);
    }
  });

  test('is read when it has no headers and no body', async () => {
    natsOf(connection.bus).publish(subject);
    await connection.bus.flush(5_000);
    expect(await readLastEvent(connection.bus, company)).toMatchObject({ streamSeq: 1, body: Buffer.alloc(0) });
  });

  test('rejects when the broker is away or the stream is gone', async () => {
    const { askJetStream } = await import('./jetstream-api.ts');
    await askJetStream(connection.bus, 'STREAM.DELETE.WHATSAPP_EVENTS');
    await expect(readLastEvent(connection.bus, company)).rejects.toMatchObject({ name: 'BusError' });
    await server.kill();
    await waitFor(() => !connection.bus.connected, { what: 'the disconnect' });
    await expect(readLastEvent(connection.bus, company)).rejects.toMatchObject({ code: 'BUS_NOT_CONNECTED' });
  });
});

describe('malformed headers', () => {
  const poison = 'NATS/1.0\r\nbad key: v\r\ntraceparent: t\r\n\r\n';

  test('in a live message leave it readable and the connection alive', async () => {
    await subscribe();
    sendRaw(await rawClient(), poison, 'body');
    await waitFor(() => received.length === 1, { what: 'the message' });
    expect(received[0]?.header('traceparent')).toBe('t');
    expect(received[0] && textOf(received[0])).toBe('body');
    expect(await connection.bus.flush(5_000)).toBe(true);
  });

  test('in a stored message leave it readable and the connection alive', async () => {
    sendRaw(await rawClient(), poison, 'body');
    const last = await waitFor(() => readLastEvent(connection.bus, company), { what: 'the message' });
    expect(textOf(last)).toBe('body');
    expect(last.header('traceparent')).toBe('t');
    expect(connection.saw('disconnected')).toBe(false);
  });

  test('no header block whatever makes the feed or the last event deaf', async () => {
    await subscribe();
    const raw = await rawClient();
    const line = fc.string({
      unit: fc.constantFrom('a', ':', ' ', '\t', '\0', '\u00ff', '\r', '\n', 'traceparent'),
      maxLength: 12,
    });
    const block = fc.array(line, { maxLength: 4 }).map((lines) => `NATS/1.0${lines.join('\r\n')}\r\n\r\n`);
    await fc.assert(
      fc.asyncProperty(block, async (headers) => {
        const seen = received.length;
        sendRaw(raw, headers, 'body');
        await waitFor(() => received.length > seen, { what: 'the message' });
        const live = received.at(-1);
        expect(live && textOf(live)).toBe('body');
        live?.header('traceparent');
        const last = await readLastEvent(connection.bus, company);
        expect(last && textOf(last)).toBe('body');
        last?.header('traceparent');
      }),
      { numRuns: 150 },
    );
    expect(connection.saw('disconnected')).toBe(false);
  });
});
