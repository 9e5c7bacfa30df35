import { expect, test } from 'vitest';
import type { CloseReason } from './close-reason.ts';
import type { SocketListener, WhatsAppSocket } from './companion-device.ts';
import { OpeningGate } from './opening-gate.ts';
import { QueuedSocket } from './queued-socket.ts';

/** Lets everything run that is due without a timer. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** Sockets that are opened by name; each can be made to tell something. */
class Line {
  readonly gate: OpeningGate;
  readonly opened: string[] = [];
  readonly closed: string[] = [];
  readonly told: string[] = [];
  /** What opening a socket throws. */
  broken: Error | undefined;
  readonly #listeners = new Map<string, SocketListener>();

  constructor(places: number) {
    this.gate = new OpeningGate(places);
  }

  queue(name: string, { isAwaited = false, prepare }: { isAwaited?: boolean; prepare?: () => Promise<void> } = {}) {
    const open = (listener: SocketListener): WhatsAppSocket => {
      if (this.broken) throw this.broken;
      this.opened.push(name);
      this.#listeners.set(name, listener);
      const close = async () => void this.closed.push(name);
      const sendText = () => Promise.resolve(name);
      return { close, logout: close, sendText, requestPairingCode: () => void this.told.push(`${name} code`) };
    };
    return new QueuedSocket({ gate: this.gate, isAwaited, prepare, open, listener: this.#listener(name) });
  }

  listener(name: string): SocketListener {
    const listener = this.#listeners.get(name);
    if (!listener) throw new Error(`${name} is not open`);
    return listener;
  }

  #listener(name: string): SocketListener {
    const told = (what: string) => () => void this.told.push(`${name} ${what}`);
    return {
      onQr: told('qr'),
      onCode: told('code'),
      onCodeFailed: told('code failed'),
      onCodeOver: told('code over'),
      onPasskeyDemanded: told('passkey'),
      onNewLogin: told('new login'),
      onOpen: told('open'),
      onAccount: told('account'),
      onMessage: told('message'),
      onClose: (reason: CloseReason) => void this.told.push(`${name} ${reason}`),
      onOpenFailed: (error) => void this.told.push(`${name} ${String(error)}`),
    };
  }
}

test('of many sockets only some are opened at a time, in the order in which they came', async () => {
  const line = new Line(2);
  for (const name of ['a', 'b', 'c', 'd', 'e']) line.queue(name);
  await settle();
  expect(line.opened).toEqual(['a', 'b']);
  line.listener('b').onOpen({});
  await settle();
  expect(line.opened).toEqual(['a', 'b', 'c']);
  line.listener('a').onClose('timed-out');
  line.listener('c').onQr('qr', 1);
  await settle();
  expect(line.opened).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect(line.told).toEqual(['b open', 'a timed-out', 'c qr']);
});

test('a socket that somebody waits for goes before all that come back by themselves', async () => {
  const line = new Line(1);
  for (const name of ['a', 'b', 'c']) line.queue(name);
  line.queue('person', { isAwaited: true });
  await settle();
  line.listener('a').onOpen({});
  await settle();
  expect(line.opened).toEqual(['a', 'person']);
});

test('what one socket tells twice makes one place', async () => {
  const line = new Line(1);
  for (const name of ['a', 'b', 'c']) line.queue(name);
  await settle();
  line.listener('a').onQr('qr', 1);
  line.listener('a').onQr('next', 1);
  line.listener('a').onClose('qr-refs-ended');
  await settle();
  expect(line.opened).toEqual(['a', 'b']);
});

test('a socket that is closed while it waits is never opened, and holds nobody up', async () => {
  const line = new Line(1);
  line.queue('a');
  const given = line.queue('b');
  line.queue('c');
  await given.close();
  await settle();
  line.listener('a').onOpen({});
  await settle();
  expect(line.opened).toEqual(['a', 'c']);
});

test('a socket that is closed while it is being opened makes room', async () => {
  const line = new Line(1);
  const first = line.queue('a');
  line.queue('b');
  await settle();
  await first.close();
  await settle();
  expect(line.closed).toEqual(['a']);
  expect(line.opened).toEqual(['a', 'b']);
});

test('what is to be done first is done when its turn has come, and nothing follows when it was closed meanwhile', async () => {
  const line = new Line(1);
  const prepared = Promise.withResolvers<void>();
  const socket = line.queue('a', { prepare: () => prepared.promise });
  line.queue('b');
  await settle();
  expect(line.opened).toEqual([]);
  await socket.close();
  prepared.resolve();
  await settle();
  expect(line.opened).toEqual(['b']);
});

test('a socket that cannot even be made is told, and makes room', async () => {
  const line = new Line(1);
  line.queue('a', { prepare: async () => void (line.broken = new TypeError('no socket')) });
  await settle();
  line.broken = undefined;
  line.queue('b');
  await settle();
  expect(line.told).toEqual(['a TypeError: no socket']);
  expect(line.opened).toEqual(['b']);
});
