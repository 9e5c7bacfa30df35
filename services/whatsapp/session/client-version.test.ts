import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLogger } from '../../../shared/telemetry/logger.ts';
import { ClientVersion, versionUrlOf } from './client-version.ts';

let server: Server;
let url: URL;
let asked: number;
let answer: { readonly status: number; readonly body: string };
let nowMs: number;
const logger = createLogger({ name: 'test', level: 'silent' });

beforeEach(async () => {
  [asked, nowMs] = [0, 0];
  answer = { status: 200, body: String.raw`JSON.parse("{\"client_revision\":1099999999,\"other\":1}")` };
  server = createServer((_, response) => {
    asked += 1;
    response.writeHead(answer.status).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/sw.js`);
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function create(pinned?: readonly [number, number, number]): ClientVersion {
  return new ClientVersion({ pinned, url, logger, now: () => nowMs });
}

test('the version is what Baileys ships until it is renewed', async () => {
  const version = create();
  expect(version.current).toBeUndefined();
  await version.renew();
  expect(version.current).toEqual([2, 3000, 1_099_999_999]);
});

test('sessions that are refused together ask once, and again a minute later', async () => {
  const version = create();
  await Promise.all([version.renew(), version.renew(), version.renew()]);
  await version.renew();
  expect(asked).toBe(1);
  nowMs += 60_000;
  await version.renew();
  expect(asked).toBe(2);
});

test('a configured version is never replaced', async () => {
  const version = create([2, 3000, 1]);
  await version.renew();
  expect(version.current).toEqual([2, 3000, 1]);
  expect(asked).toBe(0);
});

describe('without an answer all stays as it was', () => {
  test.each([
    ['an error page', { status: 400, body: '"client_revision":1' }],
    ['another page', { status: 200, body: '<html></html>' }],
  ])('%s', async (_, given) => {
    answer = given;
    const version = create();
    await version.renew();
    expect(version.current).toBeUndefined();
  });

  test('nobody there', async () => {
    const version = new ClientVersion({ pinned: undefined, url: new URL('http://127.0.0.1:1/sw.js'), logger });
    await version.renew();
    expect(version.current).toBeUndefined();
  });
});

test.each([
  [undefined, 'https://web.whatsapp.com/sw.js'],
  ['wss://web.whatsapp.com/ws/chat', 'https://web.whatsapp.com/sw.js'],
  ['ws://127.0.0.1:3004/ws/chat?scenario=closed', 'http://127.0.0.1:3004/sw.js'],
])('the version of %s is told at %s', (socket, page) => {
  expect(versionUrlOf(socket === undefined ? undefined : new URL(socket)).href).toBe(page);
});
