import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { nkeys } from 'nats';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectBus } from '../../test/harness/bus.ts';
import { startNatsServer, type NatsServer, type NatsServerOptions } from '../../test/harness/nats-server.ts';
import { TcpProxy } from '../../test/harness/tcp-proxy.ts';
import { waitFor } from '../../test/harness/wait-for.ts';
import type { ConnectionStatus } from './connection-status.ts';
import { BusConnection } from './connection.ts';
import { natsOf } from './nats-connection.ts';
import { request } from './request.ts';

/** `nats` 2.29.3 exports it without types. */
interface NkeyFactory {
  createUser(): { getSeed(): Uint8Array; getPublicKey(): string };
}

let stack: AsyncDisposableStack;

beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

async function startServer(options: NatsServerOptions = {}): Promise<NatsServer> {
  return stack.use(await startNatsServer({ jetstream: false, ...options }));
}

describe('the first connect', () => {
  test('waits for a server that is not there yet and says so', async () => {
    const server = await startServer();
    await server.kill();
    const statuses: ConnectionStatus[] = [];
    const connecting = BusConnection.connect({
      servers: [server.url],
      name: 'test',
      reconnectBaseWaitMs: 10,
      observer: { onStatus: (status) => statuses.push(status) },
    });
    await waitFor(() => statuses.length >= 3, { what: 'three attempts' });
    expect(statuses[0]).toMatchObject({ kind: 'waiting', attempt: 1, error: { name: 'BusError' } });
    await server.restart();
    await using bus = await connecting;
    expect(bus.connected).toBe(true);
    expect(statuses.at(-1)).toEqual({ kind: 'connected', server: `127.0.0.1:${server.port}` });
  });

  test('ends when aborted while it waits, and when aborted before it begins', async () => {
    const server = await startServer();
    await server.kill();
    const controller = new AbortController();
    const waiting = Promise.withResolvers<void>();
    const connecting = BusConnection.connect(
      { servers: [server.url], name: 'test', observer: { onStatus: () => waiting.resolve() } },
      controller.signal,
    );
    const settled = Promise.allSettled([connecting]);
    await waiting.promise;
    controller.abort(new Error('stopping'));
    expect(await settled).toMatchObject([{ status: 'rejected', reason: { message: 'stopping' } }]);
    await expect(BusConnection.connect({ servers: [server.url], name: 'test' }, controller.signal)).rejects.toThrow(
      'stopping',
    );
  });

  test('ends when aborted while a server keeps silent, and leaves no connection behind', async () => {
    const server = await startServer();
    await server.pause();
    const controller = new AbortController();
    const connecting = BusConnection.connect({ servers: [server.url], name: 'test' }, controller.signal);
    controller.abort(new Error('stopping'));
    await expect(connecting).rejects.toThrow('stopping');
    server.resume();
  });

  test.each([
    ['a credentials file that is not there', { credentialsFile: '/nonexistent/x.creds' }],
    ['a CA file that is not there', { caFile: '/nonexistent/ca.pem' }],
    ['a server that is no URL', { servers: ['nats://'] }],
  ])('refuses %s at once', async (_what, options) => {
    await expect(BusConnection.connect({ servers: ['127.0.0.1:1'], name: 'test', ...options })).rejects.toMatchObject({
      code: 'BUS_CONFIG_INVALID',
    });
  });

  test('refuses a credentials file that is neither kind', async () => {
    const server = await startServer();
    const file = join(server.storeDir, '..', 'broken.creds');
    for (const content of ['', 'SUBROKEN', '-----BEGIN NATS USER JWT-----\nnothing else']) {
      await writeFile(file, content);
      const connecting = BusConnection.connect({ servers: [server.url], name: 'test', credentialsFile: file });
      await expect(connecting).rejects.toMatchObject({ code: 'BUS_CONFIG_INVALID' });
    }
  });
});

describe('access', () => {
  test('user and password come from the URL and are in no status', async () => {
    const config = 'authorization { user: "app", password: "p@ss:1" }';
    const server = await startServer({ config });
    const url = `nats://app:p%40ss%3A1@127.0.0.1:${server.port}`;
    await using connection = await connectBus({ url });
    expect(connection.bus.connected).toBe(true);
    expect(JSON.stringify(connection.statuses)).not.toContain('p@ss');
    await expect(BusConnection.connect({ servers: [server.url], name: 'test' })).rejects.toMatchObject({
      code: 'BUS_ACCESS_REFUSED',
    });
  });

  test('an nkey seed in the credentials file convinces the server', async () => {
    const user = (nkeys as NkeyFactory).createUser();
    const server = await startServer({ config: `authorization { users: [ { nkey: ${user.getPublicKey()} } ] }` });
    const file = join(server.storeDir, '..', 'user.nk');
    await writeFile(file, `${Buffer.from(user.getSeed()).toString()}\n`);
    await using connection = await connectBus(server, { credentialsFile: file });
    expect(connection.bus.connected).toBe(true);
  });

  test('a connection that must be encrypted is never downgraded', async () => {
    const server = await startServer();
    const connecting = BusConnection.connect({ servers: [`tls://127.0.0.1:${server.port}`], name: 'test' });
    await expect(connecting).rejects.toMatchObject({ code: 'BUS_ACCESS_REFUSED' });
  });

  test('permissions may tell services apart by the inbox that is named after them', async () => {
    const users = `{ user: socket, password: p, permissions: { publish: ["whatsapp.ping"], subscribe: ["_INBOX_socket.>"] } },
      { user: whatsapp, password: p, permissions: { subscribe: ["whatsapp.ping"], allow_responses: true } }`;
    const server = await startServer({ config: `authorization { users: [ ${users} ] }` });
    await using whatsapp = await connectBus(
      { url: `nats://whatsapp:p@127.0.0.1:${server.port}` },
      { name: 'whatsapp' },
    );
    await using socket = await connectBus({ url: `nats://socket:p@127.0.0.1:${server.port}` }, { name: 'socket' });
    natsOf(whatsapp.bus).subscribe('whatsapp.ping', { callback: (_error, message) => message.respond('pong') });
    await whatsapp.bus.flush(5_000);
    const reply = await request(socket.bus, 'whatsapp.ping', new Uint8Array(), { timeoutMs: 5_000 });
    expect(Buffer.from(reply.body).toString()).toBe('pong');
    natsOf(socket.bus).publish('whatsapp.events.company_1', 'forbidden');
    const refusal = await waitFor(() => socket.statuses.find(({ kind }) => kind === 'error'), { what: 'the refusal' });
    expect(refusal).toMatchObject({ code: 'PERMISSIONS_VIOLATION', message: /whatsapp\.events\.company_1/ });
    expect(socket.bus.connected).toBe(true);
  });
});

describe('a lost server', () => {
  test('is found again, with everybody told once and in order', async () => {
    const server = await startServer();
    await using connection = await connectBus(server);
    const { bus } = connection;
    const told: string[] = [];
    bus.onDisconnected(() => told.push('disconnected'));
    bus.onReconnected(() => told.push('reconnected'));
    const forget = bus.onReconnected(() => told.push('forgotten'));
    forget();
    await server.kill();
    await waitFor(() => !bus.connected, { what: 'the disconnect' });
    expect(await bus.flush(10)).toBe(false);
    await expect(bus.rtt()).rejects.toMatchObject({ name: 'BusError' });
    await expect(request(bus, 'a', new Uint8Array(), { timeoutMs: 60_000 })).rejects.toMatchObject({
      code: 'BUS_NOT_CONNECTED',
    });
    await server.restart();
    await bus.untilConnected(AbortSignal.timeout(10_000));
    expect(told).toEqual(['disconnected', 'reconnected']);
    expect(connection.statuses).toContainEqual(expect.objectContaining({ kind: 'disconnected', reason: 'lost' }));
    expect(await bus.flush(5_000)).toBe(true);
    expect(await bus.rtt()).toBeGreaterThan(0);
  });

  test('ends the requests that wait for an answer at once', async () => {
    const server = await startServer();
    await using connection = await connectBus(server);
    natsOf(connection.bus).subscribe('silence', { callback: () => undefined });
    const requested = request(connection.bus, 'silence', new Uint8Array(), { timeoutMs: 600_000 });
    const settled = Promise.allSettled([requested]);
    await connection.bus.flush(5_000);
    await server.kill();
    expect(await settled).toMatchObject([{ status: 'rejected', reason: { code: 'BUS_DISCONNECTED' } }]);
  });

  test('that says nothing any more is given up after two pings', async () => {
    const server = await startServer();
    await using connection = await connectBus(server, { pingIntervalMs: 50, connectTimeoutMs: 200 });
    await server.pause();
    await waitFor(() => connection.saw('disconnected'), { what: 'the stale connection' });
    expect(connection.statuses).toContainEqual(expect.objectContaining({ kind: 'disconnected', reason: 'stale' }));
    server.resume();
    await waitFor(() => connection.bus.connected, { what: 'the reconnect' });
  });

  test('a listener that throws is reported and hinders nobody', async () => {
    const server = await startServer();
    await using connection = await connectBus(server);
    let told = 0;
    connection.bus.onReconnected(() => {
      throw new Error('broken listener');
    });
    connection.bus.onReconnected(() => (told += 1));
    await connection.bus.forceReconnect();
    await waitFor(() => told === 1, { what: 'the second listener' });
    expect(connection.statuses).toContainEqual({ kind: 'listener-failed', error: new Error('broken listener') });
    expect(connection.statuses).toContainEqual(expect.objectContaining({ kind: 'disconnected', reason: 'forced' }));
  });

  test('credentials that are refused while the server reloads do not end the connection', async () => {
    const server = await startServer({ config: 'authorization { user: app, password: right }' });
    const url = (port: number) => `nats://app:right@127.0.0.1:${port}`;
    await using connection = await connectBus({ url: url(server.port) });
    await server.stop();
    const wrong = await startServer({ port: server.port, config: 'authorization { user: app, password: wrong }' });
    await waitFor(() => connection.statuses.filter(({ kind }) => kind === 'reconnecting').length >= 4, {
      what: 'refused attempts',
    });
    await wrong.stop();
    await startServer({ port: server.port, config: 'authorization { user: app, password: right }' });
    await waitFor(() => connection.bus.connected, { what: 'the reconnect' });
  });
});

describe('a client that the server calls slow', () => {
  test('is told so when the server says it', async () => {
    const server = await startServer();
    await using wire = await TcpProxy.start(server.port);
    await using connection = await connectBus(wire);
    let told = 0;
    connection.bus.onSlowConsumer(() => (told += 1));
    wire.inject("-ERR 'Slow Consumer'\r\n");
    await waitFor(() => told === 1, { what: 'the notice' });
    expect(connection.saw('slow-consumer')).toBe(true);
  });

  test('is cut off by a real server, comes back by itself and is told that messages are missing', async () => {
    const server = await startServer({ config: 'max_pending: 262144\nwrite_deadline: "100ms"' });
    await using slow = await connectBus(server);
    let reconnected = 0;
    slow.bus.onReconnected(() => (reconnected += 1));
    natsOf(slow.bus).subscribe('flood', { callback: () => undefined });
    await slow.bus.flush(5_000);
    const chunk = new Uint8Array(60_000);
    const flood = new Worker(FLOOD, { eval: true, workerData: { port: server.port, chunk } });
    stack.defer(async () => {
      await flood.terminate();
    });
    // Stands still as a whole, as a process in a long garbage collection does.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_500);
    await waitFor(() => reconnected > 0, { what: 'the reconnect' });
    expect(slow.bus.connected).toBe(true);
  });
});

/** Publishes far more than socket buffers and `max_pending` hold together, from outside this thread. */
const FLOOD = `
const { workerData: { port, chunk } } = require('node:worker_threads');
const socket = require('node:net').connect(port, '127.0.0.1', () => {
  socket.write('CONNECT {"verbose":false}\\r\\n');
  for (let i = 0; i < 400; i += 1) {
    socket.write('PUB flood ' + chunk.length + '\\r\\n');
    socket.write(Buffer.from(chunk));
    socket.write('\\r\\n');
  }
});
socket.on('data', () => undefined);
`;

describe('drain', () => {
  test('is idempotent, closes, and everything after it is refused', async () => {
    const server = await startServer();
    const { bus, statuses } = await connectBus(server);
    let closed = 0;
    bus.onClosed(() => (closed += 1));
    await Promise.all([bus.drain(), bus.drain()]);
    expect(bus).toMatchObject({ connected: false, closed: true });
    expect(closed).toBe(1);
    expect(statuses.at(-1)).toEqual({ kind: 'closed' });
    await expect(request(bus, 'a', new Uint8Array(), { timeoutMs: 1_000 })).rejects.toMatchObject({
      code: 'BUS_CLOSED',
    });
    await expect(bus.untilConnected(new AbortController().signal)).rejects.toMatchObject({ code: 'BUS_CLOSED' });
    await bus.forceReconnect();
  });

  test('ends while the server is away', async () => {
    const server = await startServer();
    const { bus } = await connectBus(server);
    await server.kill();
    await waitFor(() => !bus.connected, { what: 'the disconnect' });
    await bus.drain();
    expect(bus.closed).toBe(true);
  });

  test('delivers what has arrived', async () => {
    const server = await startServer();
    await using publisher = await connectBus(server);
    const { bus } = await connectBus(server);
    let received = 0;
    natsOf(bus).subscribe('a', { callback: () => (received += 1) });
    await bus.flush(5_000);
    for (let i = 0; i < 1_000; i += 1) natsOf(publisher.bus).publish('a', 'x');
    await publisher.bus.flush(5_000);
    await bus.drain();
    expect(received).toBe(1_000);
  });
});
