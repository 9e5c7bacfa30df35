import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ROOT_CONTEXT, context, createContextKey } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { CorkedWrites } from './corked-writes.ts';

beforeAll(() => void context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable()));
afterAll(() => context.disable());

let stack: AsyncDisposableStack;
let wallUs = 0;
let writes: CorkedWrites;

beforeEach(() => {
  stack = new AsyncDisposableStack();
  wallUs = 1000;
  writes = new CorkedWrites(() => wallUs);
});

afterEach(() => stack.disposeAsync());

/** Both ends of a connection, open: what is written before waits in any case. */
async function openPair(): Promise<{ readonly near: Socket; readonly far: Socket }> {
  const server = createServer().listen(0, '127.0.0.1');
  stack.defer(() => void server.close());
  await once(server, 'listening');
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [[far]] = (await Promise.all([once(server, 'connection'), once(near, 'connect')])) as [[Socket], unknown];
  stack.defer(() => void near.destroy());
  stack.defer(() => void far.destroy());
  return { near, far };
}

async function read(far: Socket, length: number): Promise<string> {
  let text = '';
  while (text.length < length) text += String((await once(far, 'data'))[0]);
  return text;
}

/** Stands for one read of the client library, which goes through its messages in microtasks. */
async function inOneRead(...messages: readonly (() => void)[]): Promise<void> {
  await nextTurn();
  for (const message of messages) {
    message();
    await Promise.resolve();
  }
}

test('what is written during a read waits, in its order, and leaves before anything else is read', async () => {
  const { near, far } = await openPair();
  const waiting: number[] = [];
  const state = (text: string) => () => {
    writes.cork(near);
    near.write(text);
    waiting.push(near.writableLength);
  };
  const reading = inOneRead(state('a'), state('b'));
  await reading;
  expect(waiting).toEqual([1, 2]);
  await nextTurn();
  expect([near.writableLength, near.writableCorked]).toEqual([0, 0]);
  expect(await read(far, 2)).toBe('ab');
});

test('the next read is written anew', async () => {
  const { near, far } = await openPair();
  for (const text of ['a', 'b', 'c']) {
    writes.cork(near);
    near.write(text);
    expect(await read(far, 1)).toBe(text);
  }
});

test('tells when everything was written, and by whose clock', async () => {
  const { near } = await openPair();
  const told: [string, number, number][] = [];
  writes.onWritten((us) => told.push(['nothing waits', us, near.writableLength]));
  writes.cork(near);
  near.write('a');
  writes.onWritten((us) => told.push(['waits', us, near.writableLength]));
  expect(told).toEqual([['nothing waits', 1000, 0]]);
  wallUs = 2000;
  await nextTurn();
  expect(told).toEqual([
    ['nothing waits', 1000, 0],
    ['waits', 2000, 0],
  ]);
});

test('writes at once when told to', async () => {
  const { near, far } = await openPair();
  writes.cork(near);
  near.write('a');
  writes.flush();
  expect([near.writableLength, near.writableCorked]).toEqual([0, 0]);
  writes.cork(near);
  near.write('b');
  expect(await read(far, 2)).toBe('ab');
});

test('one that is told may write and wait again', async () => {
  const { near, far } = await openPair();
  const told: string[] = [];
  writes.cork(near);
  near.write('a');
  writes.onWritten(() => {
    told.push('first');
    writes.cork(near);
    near.write('b');
    writes.onWritten(() => told.push('second'));
  });
  expect(await read(far, 2)).toBe('ab');
  expect(told).toEqual(['first', 'second']);
});

test('nobody is told inside of the trace of another event', async () => {
  const { near } = await openPair();
  const key = createContextKey('event');
  const told: unknown[] = [];
  const tell = () => writes.onWritten(() => told.push(context.active().getValue(key)));
  const show = () => {
    writes.cork(near);
    near.write('x');
    tell();
  };
  await inOneRead(
    () => context.with(ROOT_CONTEXT.setValue(key, 'sampled and first'), show),
    show,
    () => context.with(ROOT_CONTEXT.setValue(key, 'sampled and last'), () => writes.flush()),
    () => context.with(ROOT_CONTEXT.setValue(key, 'sampled again'), show),
  );
  await nextTurn();
  expect(told).toEqual([undefined, undefined, undefined]);
});

test('a connection that has ended meanwhile keeps nothing from the others', async () => {
  const [cut, closing, open] = [await openPair(), await openPair(), await openPair()];
  const told: number[] = [];
  for (const { near } of [cut, closing, open]) {
    writes.cork(near);
    near.write('a');
  }
  writes.onWritten((us) => told.push(us));
  cut.near.destroy();
  closing.near.end();
  expect(await Promise.all([read(open.far, 1), read(closing.far, 1)])).toEqual(['a', 'a']);
  expect(told).toEqual([1000]);
});
