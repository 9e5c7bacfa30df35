import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Outbox } from './outbox.ts';

let stack: AsyncDisposableStack;
let wallUs = 0;
let outbox: Outbox;

beforeEach(() => {
  stack = new AsyncDisposableStack();
  wallUs = 1000;
  outbox = new Outbox(() => wallUs);
});

afterEach(() => stack.disposeAsync());

/** Both ends of a connection. */
async function openPair(): Promise<{ readonly near: Socket; readonly far: Socket }> {
  const server = createServer().listen(0, '127.0.0.1');
  stack.defer(() => void server.close());
  await once(server, 'listening');
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [far] = (await once(server, 'connection')) as [Socket];
  stack.defer(() => void near.destroy());
  stack.defer(() => void far.destroy());
  return { near, far };
}

async function read(far: Socket, length: number): Promise<string> {
  let text = '';
  while (text.length < length) text += String((await once(far, 'data'))[0]);
  return text;
}

test('keeps what is written until the work at hand is done, in its order, and writes it once', async () => {
  const { near, far } = await openPair();
  outbox.hold(near);
  near.write('a');
  outbox.hold(near);
  near.write('b');
  expect(near.writableLength).toBe(2);
  await Promise.resolve();
  // Microtasks belong to the work at hand: the client library goes through a read in them.
  expect(near.writableLength).toBe(2);
  expect(await read(far, 2)).toBe('ab');
  expect(near.writableCorked).toBe(0);
});

test('writes the next turn anew', async () => {
  const { near, far } = await openPair();
  for (const text of ['a', 'b', 'c']) {
    outbox.hold(near);
    near.write(text);
    expect(await read(far, 1)).toBe(text);
  }
});

test('tells when everything was written, and by whose clock', async () => {
  const { near, far } = await openPair();
  const told: [string, number, number][] = [];
  outbox.onWritten((us) => told.push(['nothing held', us, near.writableCorked]));
  outbox.hold(near);
  near.write('a');
  outbox.onWritten((us) => told.push(['held', us, near.writableCorked]));
  expect(told).toEqual([['nothing held', 1000, 0]]);
  wallUs = 2000;
  await read(far, 1);
  expect(told).toEqual([
    ['nothing held', 1000, 0],
    ['held', 2000, 0],
  ]);
});

test('writes at once when told to', async () => {
  const { near, far } = await openPair();
  outbox.hold(near);
  near.write('a');
  outbox.flush();
  expect(near.writableCorked).toBe(0);
  outbox.hold(near);
  near.write('b');
  expect(await read(far, 2)).toBe('ab');
});

test('a connection that has ended meanwhile keeps nothing from the others', async () => {
  const [cut, closing, open] = [await openPair(), await openPair(), await openPair()];
  const told: number[] = [];
  for (const { near } of [cut, closing, open]) {
    outbox.hold(near);
    near.write('a');
  }
  outbox.onWritten((us) => told.push(us));
  cut.near.destroy();
  closing.near.end();
  expect(await read(open.far, 1)).toBe('a');
  expect(await read(closing.far, 1)).toBe('a');
  expect(told).toEqual([1000]);
});
