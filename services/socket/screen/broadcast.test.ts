import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket as TcpSocket } from 'node:net';
import { Server } from 'socket.io';
import { io, type Socket } from 'socket.io-client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MARKETPLACE_NAMESPACE } from '../../../shared/contract/socket-events.ts';
import type { MarketplaceNamespace } from '../admission/marketplace-socket.ts';
import { broadcast } from './broadcast.ts';
import { CorkedWrites } from './corked-writes.ts';
import type { Emit } from './session-emits.ts';

let stack: AsyncDisposableStack;
let namespace: MarketplaceNamespace;
let url: string;

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  const http = createServer().listen(0, '127.0.0.1');
  await once(http, 'listening');
  const server = new Server(http);
  stack.defer(() => server.close());
  namespace = server.of(MARKETPLACE_NAMESPACE) as unknown as MarketplaceNamespace;
  url = `http://127.0.0.1:${(http.address() as AddressInfo).port}${MARKETPLACE_NAMESPACE}`;
});

afterEach(() => stack.disposeAsync());

/** What of a socket its types keep private. */
interface Joining {
  join(room: string): Promise<void>;
  readonly conn: { readonly transport: { readonly socket: { readonly _socket: TcpSocket } } };
}

function connected(browser: Socket): Promise<void> {
  return new Promise((resolve) => browser.once('connect', resolve));
}

/** Resolves to the next thing that the browser is told. */
function told(browser: Socket): Promise<boolean> {
  return new Promise((resolve) => browser.once('gateway-status', ({ live }: { live: boolean }) => resolve(live)));
}

/** A browser in a room, and the gateway's end of its connection. */
async function join(room: string): Promise<{ readonly browser: Socket; readonly tcp: TcpSocket }> {
  const browser = io(url, { transports: ['websocket'], forceNew: true });
  stack.defer(() => void browser.disconnect());
  const [[socket]] = (await Promise.all([once(namespace, 'connection'), connected(browser)])) as [[Joining], unknown];
  await socket.join(room);
  return { browser, tcp: socket.conn.transport.socket._socket };
}

const status = (live: boolean): Emit => ['gateway-status', { live }];

test('what several rooms are told in one turn is written at its end', async () => {
  const [one, two] = [await join('one'), await join('two')];
  const writes = new CorkedWrites(() => 0);
  const arrived = Promise.all([one, two].map(({ browser }) => told(browser)));
  for (const room of ['one', 'two']) broadcast(namespace, { room, emits: [status(true)], writes });
  expect([one, two].map(({ tcp }) => tcp.writableLength > 0)).toEqual([true, true]);
  expect(await arrived).toEqual([true, true]);
});

test('a browser is told everything in the order in which it was said, whichever way it went', async () => {
  const { browser, tcp } = await join('one');
  const writes = new CorkedWrites(() => 0);
  const heard: boolean[] = [];
  const all = new Promise<void>((resolve) => {
    browser.on('gateway-status', ({ live }: { live: boolean }) => {
      if (heard.push(live) === 4) resolve();
    });
  });
  broadcast(namespace, { room: 'one', emits: [status(true), status(false)], writes });
  broadcast(namespace, { room: 'one', emits: [status(false)] });
  namespace.to('one').emit('gateway-status', { live: true });
  expect(tcp.writableLength).toBeGreaterThan(0);
  await all;
  expect(heard).toEqual([true, false, false, true]);
});

test('without company it is written at once, and not to those who are left out', async () => {
  const [one, other] = [await join('one'), await join('one')];
  broadcast(namespace, { room: 'one', emits: [status(true)], except: new Set([other.browser.id ?? '']) });
  expect([one, other].map(({ tcp }) => [tcp.writableCorked, tcp.writableLength])).toEqual([
    [0, 0],
    [0, 0],
  ]);
  const first = told(other.browser);
  broadcast(namespace, { room: 'one', emits: [status(false)] });
  expect(await first).toBe(false);
});
