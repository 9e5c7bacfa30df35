import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectBus, testCompany, testEvent, type WatchedBus } from '../../test/harness/bus.ts';
import { startNatsServer, type NatsServer } from '../../test/harness/nats-server.ts';
import { waitFor } from '../../test/harness/wait-for.ts';
import type { CompanyId } from '../contract/company-id.ts';
import { EVENTS_STREAM, MESSAGES_STREAM } from '../contract/subjects.ts';
import { ConfirmedPublisher } from './confirmed-publisher.ts';
import { askJetStream } from './jetstream-api.ts';
import { readLastEvent } from './last-event.ts';
import { storeEvent } from './store-event.ts';
import { eventsStream, messagesStream } from './stream-config.ts';
import { watchStream, type StreamWatchOptions } from './stream-watch.ts';
import { ensureStreams, readStreamCreation, recreateStreams } from './streams.ts';

const owner = { replicas: 1, mayChange: true } as const;
const guest = { replicas: 1, mayChange: false } as const;

let stack: AsyncDisposableStack;
let server: NatsServer;
let connection: WatchedBus;

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  server = stack.use(await startNatsServer());
  connection = stack.use(await connectBus(server));
});

afterEach(() => stack.disposeAsync());

async function configOf(stream: string): Promise<Record<string, unknown>> {
  const info = (await askJetStream(connection.bus, `STREAM.INFO.${stream}`)) as { config: Record<string, unknown> };
  return info.config;
}

describe('ensuring the streams', () => {
  test('creates both as they must be', async () => {
    await ensureStreams(connection.bus, guest);
    expect(await configOf(EVENTS_STREAM)).toMatchObject({ ...eventsStream(1), allow_direct: true });
    expect(await configOf(MESSAGES_STREAM)).toMatchObject({ ...messagesStream(1) });
  });

  test('succeeds for many services that start at once, and again', async () => {
    const others = await Promise.all([1, 2, 3, 4].map(async () => stack.use(await connectBus(server))));
    const services = [connection, ...others];
    await Promise.all(services.map(({ bus }, index) => ensureStreams(bus, index % 2 ? owner : guest)));
    await Promise.all(services.map(({ bus }) => ensureStreams(bus, guest)));
    expect(await configOf(EVENTS_STREAM)).toMatchObject({ max_msgs_per_subject: 64 });
  });

  test('again after a loss waits until the deletion is over, so that what is acknowledged then is kept', async () => {
    const { bus } = connection;
    const { bus: other } = stack.use(await connectBus(server));
    await ensureStreams(bus, guest);
    const companies = Array.from({ length: 100 }, (_, number) => testCompany(number));
    const store = (companyId: CompanyId) => storeEvent(bus, companyId, Buffer.from('an event'), 5000);
    for (let round = 0; round < 3; round += 1) {
      await Promise.all(companies.map(store));
      const deleted = askJetStream(bus, `STREAM.DELETE.${EVENTS_STREAM}`);
      while ((await readStreamCreation(other, EVENTS_STREAM)) !== undefined);
      await recreateStreams(other, guest);
      await deleted;
      expect(await store(testCompany(1))).toBe(1);
      expect(await readLastEvent(bus, testCompany(1))).toMatchObject({ streamSeq: 1 });
    }
  });

  test('refuses an incompatible stream with every field that differs', async () => {
    const theirs = { ...eventsStream(1), storage: 'memory', max_msgs_per_subject: 10, allow_direct: false };
    await askJetStream(connection.bus, `STREAM.CREATE.${EVENTS_STREAM}`, theirs);
    await expect(ensureStreams(connection.bus, guest)).rejects.toMatchObject({
      code: 'STREAM_INCOMPATIBLE',
      stream: EVENTS_STREAM,
      differences: expect.arrayContaining([
        { field: 'storage', have: '"memory"', want: '"file"' },
        { field: 'max_msgs_per_subject', have: '10', want: '64' },
        { field: 'allow_direct', have: 'false', want: 'true' },
      ]) as unknown,
      message: /storage is "memory", must be "file"/,
    });
    expect(await configOf(EVENTS_STREAM)).toMatchObject({ storage: 'memory', max_msgs_per_subject: 10 });
  });

  test('brings an existing stream into shape for its owner and keeps what is in it', async () => {
    const former = { ...eventsStream(1), max_msgs_per_subject: 10, description: 'ours' };
    await askJetStream(connection.bus, `STREAM.CREATE.${EVENTS_STREAM}`, former);
    await using publisher = new ConfirmedPublisher(connection.bus, { streams: owner });
    const company = testCompany(1);
    await publisher.publish(company, testEvent(company, { epoch: 1, seq: 1 }));
    await ensureStreams(connection.bus, owner);
    expect(await configOf(EVENTS_STREAM)).toMatchObject({ max_msgs_per_subject: 64, description: 'ours' });
    expect(await readLastEvent(connection.bus, company)).toMatchObject({ streamSeq: 1 });
  });

  test('refuses what cannot be changed even for its owner, in the words of the server', async () => {
    await askJetStream(connection.bus, `STREAM.CREATE.${EVENTS_STREAM}`, { ...eventsStream(1), storage: 'memory' });
    await expect(ensureStreams(connection.bus, owner)).rejects.toMatchObject({
      code: 'STREAM_INCOMPATIBLE',
      message: /storage is "memory", must be "file".*\(/,
    });
  });

  test('refuses replicas that a single server does not make', async () => {
    await ensureStreams(connection.bus, owner);
    await expect(ensureStreams(connection.bus, { replicas: 3, mayChange: true })).rejects.toMatchObject({
      code: 'STREAM_INCOMPATIBLE',
      differences: [{ field: 'num_replicas', have: '1', want: '3' }],
    });
    // To a service that may not change the stream its replicas are none of its business.
    await ensureStreams(connection.bus, { replicas: 3, mayChange: false });
  });

  test('refuses when another stream has the subjects', async () => {
    const other = { ...eventsStream(1), name: 'OTHER', subjects: ['whatsapp.>'] };
    await askJetStream(connection.bus, 'STREAM.CREATE.OTHER', other);
    await expect(ensureStreams(connection.bus, owner)).rejects.toMatchObject({
      code: 'BUS_REFUSED',
      message: /overlap/,
    });
  });

  test('says so when the server has no JetStream', async () => {
    const plain = stack.use(await startNatsServer({ jetstream: false }));
    const { bus } = stack.use(await connectBus(plain));
    await expect(ensureStreams(bus, { ...guest, timeoutMs: 10 })).rejects.toMatchObject({ name: 'BusError' });
  });

  test('waits for a server that is away, and ends when aborted', async () => {
    await server.kill();
    await waitFor(() => !connection.bus.connected, { what: 'the disconnect' });
    const ensured = ensureStreams(connection.bus, guest);
    await server.restart();
    await ensured;
    await server.kill();
    await waitFor(() => !connection.bus.connected, { what: 'the disconnect' });
    const controller = new AbortController();
    const aborted = Promise.allSettled([ensureStreams(connection.bus, { ...guest, signal: controller.signal })]);
    controller.abort(new Error('stopping'));
    expect(await aborted).toMatchObject([{ status: 'rejected', reason: { message: 'stopping' } }]);
  });
});

describe('watching the stream', () => {
  let recreated: number;
  let errors: unknown[];

  function watch(options: Partial<StreamWatchOptions> = {}) {
    recreated = 0;
    errors = [];
    return stack.use(
      watchStream(connection.bus, {
        streams: owner,
        intervalMs: 20,
        onRecreated: () => (recreated += 1),
        onError: (error) => errors.push(error),
        ...options,
      }),
    );
  }

  test('a deleted stream is created again and its owner told, once', async () => {
    await ensureStreams(connection.bus, owner);
    const watching = watch();
    await watching.check();
    expect(recreated).toBe(0);
    await askJetStream(connection.bus, `STREAM.DELETE.${EVENTS_STREAM}`);
    await waitFor(() => recreated === 1, { what: 'the notice' });
    expect(await configOf(EVENTS_STREAM)).toMatchObject({ max_msgs_per_subject: 64 });
    await watching.check();
    expect(recreated).toBe(1);
  });

  test('one that somebody else created again is noticed too', async () => {
    await ensureStreams(connection.bus, owner);
    const watching = watch({ intervalMs: 600_000 });
    await watching.check();
    await askJetStream(connection.bus, `STREAM.DELETE.${EVENTS_STREAM}`);
    await ensureStreams(connection.bus, guest);
    await watching.check();
    expect(recreated).toBe(1);
  });

  test('one that was lost with the broker is noticed after the reconnect', async () => {
    await ensureStreams(connection.bus, owner);
    await watch({ intervalMs: 600_000 }).check();
    await server.kill();
    const empty = stack.use(await startNatsServer({ port: server.port }));
    await waitFor(() => recreated === 1, { what: 'the notice' });
    expect(empty.port).toBe(server.port);
  });

  test('a broker restart that keeps the stream is none of its business', async () => {
    await ensureStreams(connection.bus, owner);
    const watching = watch({ intervalMs: 600_000 });
    await watching.check();
    await server.kill();
    await server.restart();
    await connection.bus.untilConnected(AbortSignal.timeout(10_000));
    await watching.check();
    expect(recreated).toBe(0);
  });

  test('a stream that came back incompatible is reported and the rounds go on', async () => {
    await ensureStreams(connection.bus, owner);
    const watching = watch({ streams: guest });
    await watching.check();
    await askJetStream(connection.bus, `STREAM.DELETE.${EVENTS_STREAM}`);
    const overlapping = { ...eventsStream(1), name: 'OTHER' };
    await askJetStream(connection.bus, 'STREAM.CREATE.OTHER', overlapping).catch(() => undefined);
    await waitFor(() => errors.length > 0 || recreated > 0, { what: 'a report' });
    await askJetStream(connection.bus, 'STREAM.DELETE.OTHER').catch(() => undefined);
    await waitFor(() => recreated === 1, { what: 'the recovery' });
  });

  test('nothing is looked at after the stop', async () => {
    await ensureStreams(connection.bus, owner);
    const watching = watch();
    await watching.check();
    watching.stop();
    await askJetStream(connection.bus, `STREAM.DELETE.${EVENTS_STREAM}`);
    await watching.check();
    await expect(configOf(EVENTS_STREAM)).rejects.toMatchObject({ serverCode: 10059 });
    expect(recreated).toBe(0);
  });
});
