import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BaileysClient, trustStrictly } from '../../test/harness/baileys-client.ts';
import { startSimulator, type Simulator } from './service.ts';

let dataDir: string;
let simulator: Simulator;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'simulator-'));
  simulator = await startSimulator({ port: 0, dataDir, logger: pino({ level: 'silent' }) });
  trustStrictly(simulator.rootKey);
});

afterAll(async () => {
  await simulator.stop();
  await rm(dataDir, { recursive: true });
});

async function get(path: string): Promise<unknown> {
  return (await fetch(simulator.httpUrl + path)).json();
}

async function post(path: string, body: unknown): Promise<{ status: number; body: unknown }> {
  const response = await fetch(simulator.httpUrl + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

test('a phone is scanned, listed, disconnected and unlinked over HTTP', async () => {
  const first = new BaileysClient({ url: simulator.url });
  const linked = await post('/phones/79990000001/scan', { qr: await first.qr() });
  const device = { jid: '79990000001:1@s.whatsapp.net', lid: '100000000000001:1@lid', phone: '79990000001', device: 1 };
  expect(linked).toMatchObject({ status: 200, body: device });
  await first.closed();

  await using second = new BaileysClient({ url: simulator.url, auth: first.auth });
  await second.opened();
  expect(await get('/devices')).toMatchObject([{ ...device, online: true }]);
  expect(await get('/phones')).toMatchObject([{ id: '79990000001', devices: [{ ...device, online: true }] }, {}, {}]);
  const path = `/devices/${encodeURIComponent(device.jid)}/disconnect`;
  expect(await post(path, { how: 'cut' })).toEqual({ status: 200, body: { jid: device.jid, how: 'cut' } });
  expect(await second.closed()).toMatchObject({ status: 428 });

  expect(await post('/phones/79990000001/unlink', { device: 1 })).toEqual({
    status: 200,
    body: { unlinked: [device.jid] },
  });
  expect(await get('/devices')).toEqual([]);
});

test('a new phone is answered with what was chosen for it', async () => {
  expect(await post('/phones', { name: 'Galina', business: false })).toEqual({
    status: 201,
    body: {
      id: '79990000004',
      phoneNumber: '79990000004',
      lid: '100000000000004',
      name: 'Galina',
      business: false,
      devices: [],
    },
  });
  expect(await post('/phones', { phoneNumber: '79990000004' })).toMatchObject({
    status: 409,
    body: { error: { code: 'PHONE_EXISTS' } },
  });
});

test('the root key is base64 text of 32 bytes, the same that the certificates lead to', async () => {
  const response = await fetch(`${simulator.httpUrl}/root-key`);
  expect(response.headers.get('content-type')).toContain('text/plain');
  expect(Buffer.from(await response.text(), 'base64')).toEqual(simulator.rootKey);
});

test.each([
  ['/', 'text/html', '<!doctype html>'],
  ['/phone.js', 'text/javascript', '/phones'],
  ['/phone.css', 'text/css', '{'],
])('%s is served as %s', async (path, type, content) => {
  const response = await fetch(simulator.httpUrl + path);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toContain(type);
  expect((await response.text()).toLowerCase()).toContain(content);
});

test('without NATS there are no screens, and the simulator is ready', async () => {
  expect(await get('/screens')).toEqual([]);
  expect(await get('/healthz')).toEqual({ status: 'ok' });
  expect(await get('/readyz')).toMatchObject({ ready: true });
});

describe('a request is refused', () => {
  test.each([
    [
      'a scan of something else',
      '/phones/79990000001/scan',
      { qr: 'https://example.com' },
      { status: 400, code: 'QR_INVALID' },
    ],
    ['a scan without a text', '/phones/79990000001/scan', {}, { status: 400, code: 'BAD_BODY' }],
    ['a scan of a number', '/phones/79990000001/scan', { qr: 5 }, { status: 400, code: 'BAD_BODY' }],
    ['a body that is no JSON', '/phones', '{', { status: 400, code: 'BAD_BODY' }],
    ['a body that is no object', '/phones', '[]', { status: 400, code: 'BAD_BODY' }],
    ['a body above 16 KiB', '/phones', { name: 'x'.repeat(17_000) }, { status: 400, code: 'BAD_BODY' }],
    ['an unlink by an unknown phone', '/phones/79990000999/unlink', {}, { status: 404, code: 'PHONE_UNKNOWN' }],
    [
      'an unlink of an unknown device',
      '/phones/79990000001/unlink',
      { device: 9 },
      { status: 404, code: 'DEVICE_UNKNOWN' },
    ],
    [
      'a cut of an unknown device',
      '/devices/79990000001:9@s.whatsapp.net/disconnect',
      {},
      { status: 404, code: 'DEVICE_UNKNOWN' },
    ],
    ['a way to disconnect that is none', '/devices/x/disconnect', { how: 'gently' }, { status: 400, code: 'BAD_BODY' }],
    ['an unknown path', '/phones/79990000001/dance', {}, { status: 404, code: 'NOT_FOUND' }],
  ])('%s', async (_what, path, body, { status, code }) => {
    expect(await post(path, body)).toMatchObject({ status, body: { error: { code } } });
  });

  test('a WebSocket on another path', async () => {
    const socket = new WebSocket(simulator.url.replace('/ws/chat', '/other'));
    await new Promise((resolve) => socket.addEventListener('error', resolve, { once: true }));
    expect(socket.readyState).toBeGreaterThanOrEqual(WebSocket.CLOSING);
  });
});

test('a taken port is an error that names the variable', async () => {
  const start = startSimulator({ port: simulator.port, dataDir, logger: pino({ level: 'silent' }) });
  await expect(start).rejects.toThrowError(/SIMULATOR_PORT/);
});
