import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectBus, testCompany } from '../../test/harness/bus.ts';
import { startNatsServer, type NatsServer } from '../../test/harness/nats-server.ts';
import { waitFor } from '../../test/harness/wait-for.ts';
import { MESSAGES_STREAM } from '../contract/subjects.ts';
import type { BusConnection } from './connection.ts';
import { askJetStream } from './jetstream-api.ts';
import { MessagePublisher } from './message-publisher.ts';
import { ensureStreams } from './streams.ts';

const STREAMS = { replicas: 1, mayChange: true } as const;

let server: NatsServer;
let bus: BusConnection;
let publisher: MessagePublisher;

beforeEach(async () => {
  server = await startNatsServer();
  ({ bus } = await connectBus(server));
  await ensureStreams(bus, STREAMS);
  publisher = new MessagePublisher(bus, { streams: STREAMS, maxQueuedPerCompany: 50 });
});

afterEach(async () => {
  await publisher.drain(0);
  await bus.drain();
  await server.stop();
});

const message = (id: number | string) => ({ id: `m${id}`, body: Buffer.from(String(id)), headers: {} });

/** The bodies in the stream, in its order. */
async function stored(): Promise<string[]> {
  const { state } = (await askJetStream(bus, `STREAM.INFO.${MESSAGES_STREAM}`)) as { state: { last_seq: number } };
  const bodies: string[] = [];
  for (let seq = 1; seq <= state.last_seq; seq += 1) {
    const answer = (await askJetStream(bus, `STREAM.MSG.GET.${MESSAGES_STREAM}`, { seq })) as {
      message: { data: string };
    };
    bodies.push(Buffer.from(answer.message.data, 'base64').toString());
  }
  return bodies;
}

test('a broker that dies under the messages delays them: each is stored once, in order', async () => {
  const company = testCompany(1);
  const published = Array.from({ length: 20 }, (_, index) => publisher.publish(company, message(index)));
  await server.kill();
  published.push(...Array.from({ length: 20 }, (_, index) => publisher.publish(company, message(20 + index))));
  await server.restart();
  await Promise.all(published);
  expect(await stored()).toEqual(Array.from({ length: 40 }, (_, index) => String(index)));
});

test('a repetition is not stored twice', async () => {
  await publisher.publish(testCompany(1), message(1));
  await publisher.publish(testCompany(1), message(1));
  expect(await stored()).toEqual(['1']);
});

test('a stream that was deleted is created again', async () => {
  await askJetStream(bus, `STREAM.DELETE.${MESSAGES_STREAM}`);
  await publisher.publish(testCompany(1), message(1));
  expect(await stored()).toEqual(['1']);
});

test('one too many of a company is refused at once, another company is not', async () => {
  await server.kill();
  await waitFor(() => !bus.connected, { what: 'the lost connection' });
  const waiting = Array.from({ length: 50 }, (_, index) => publisher.publish(testCompany(1), message(index)));
  await expect(publisher.publish(testCompany(1), message('x'))).rejects.toMatchObject({ code: 'PUBLISH_QUEUE_FULL' });
  waiting.push(publisher.publish(testCompany(2), message('y')));
  await server.restart();
  await Promise.all(waiting);
});

test('what the stream can never take is refused and does not block what follows', async () => {
  const huge = { ...message('huge'), body: Buffer.alloc(65 * 1024) };
  await expect(publisher.publish(testCompany(1), huge)).rejects.toMatchObject({ code: 'PUBLISH_REFUSED' });
  const broken = { ...message('broken'), headers: { 'ce-id': 'a\r\nb' } };
  await expect(publisher.publish(testCompany(1), broken)).rejects.toMatchObject({ code: 'PUBLISH_REFUSED' });
  await publisher.publish(testCompany(1), message(1));
  expect(await stored()).toEqual(['1']);
});

test('a drain gives up what a broker that is away keeps waiting, and takes nothing more', async () => {
  await server.kill();
  await waitFor(() => !bus.connected, { what: 'the lost connection' });
  const waiting = publisher.publish(testCompany(1), message(1)).catch((error: unknown) => error);
  await publisher.drain(1);
  expect(await waiting).toMatchObject({ code: 'PUBLISHER_STOPPED' });
  await expect(publisher.publish(testCompany(1), message(2))).rejects.toMatchObject({ code: 'PUBLISHER_STOPPED' });
});
