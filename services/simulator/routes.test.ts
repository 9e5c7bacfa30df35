import { mkdtemp, rm } from 'node:fs/promises';
import { get as httpGet } from 'node:http';
import { networkInterfaces, tmpdir } from 'node:os';
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

test('the page itself may change things', async () => {
  const headers = { origin: simulator.httpUrl };
  const response = await fetch(`${simulator.httpUrl}/phones/79990000002/unlink`, { method: 'POST', headers });
  expect(response.status).toBe(200);
});

test('nothing but this machine reaches the port', async () => {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const outside = addresses.find(({ internal, family }) => !internal && family === 'IPv4');
  if (!outside) return;
  await expect(fetch(`http://${outside.address}:${simulator.port}/healthz`)).rejects.toThrowError('fetch failed');
});

test('scenarios are listed with their knobs, selected and ended', async () => {
  const { scenarios } = (await get('/scenarios')) as { scenarios: { name: string }[] };
  expect(scenarios).toContainEqual({
    name: 'prekeys-claimed',
    client: expect.any(String) as string,
    knobs: { left: { fallback: 0, min: 0, max: 812, what: expect.any(String) as string } },
  });
  expect(await post('/scenarios', { company: 962302, name: 'closed', params: { afterMs: '5' }, times: 1 })).toEqual({
    status: 200,
    body: {
      selections: [{ scope: { company: 'company_962302' }, name: 'closed', params: { afterMs: 5 }, left: 1 }],
    },
  });
  await post('/scenarios', { phone: '79990000003', name: 'unlinked' });
  expect(await get('/scenarios')).toMatchObject({ selections: [{}, { scope: { phone: '79990000003' } }] });
  await post('/scenarios', { company: 'company_962302', name: 'normal' });
  expect(await get('/scenarios')).toMatchObject({ selections: [{ name: 'unlinked' }] });
  const cleared = await fetch(`${simulator.httpUrl}/scenarios`, { method: 'DELETE' });
  expect(await cleared.json()).toEqual({ selections: [] });
});

test('a message is written, shown and read over HTTP', async () => {
  const written = await post('/phones/79990000001/messages', { to: '79990000002', text: 'hello' });
  expect(written).toMatchObject({ status: 201, body: { direction: 'out', text: 'hello', status: 'sent' } });
  const { id } = written.body as { id: string };
  expect(await get('/phones/79990000002/messages')).toMatchObject([{ id, direction: 'in', peer: '79990000001' }]);
  const reaction = { messageId: id, emoji: '👍' };
  expect(await post('/phones/79990000002/messages', { to: '79990000001', reaction })).toMatchObject({ status: 201 });
  expect(await post(`/phones/79990000002/messages/${id}/read`, {})).toMatchObject({ status: 200 });
  expect(await get('/phones/79990000001/messages')).toMatchObject([{ id, status: 'read' }, { reaction }]);
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
    [
      'a code that nobody asked for',
      '/phones/79990000001/pairing-code',
      { code: 'ABCD1234' },
      { status: 404, code: 'CODE_NOT_REQUESTED' },
    ],
    ['a code that is none', '/phones/79990000001/pairing-code', { code: 'x' }, { status: 400, code: 'CODE_INVALID' }],
    ['no code', '/phones/79990000001/pairing-code', {}, { status: 400, code: 'BAD_BODY' }],
    [
      'an unknown scenario',
      '/scenarios',
      { default: true, name: 'earthquake' },
      { status: 400, code: 'SCENARIO_UNKNOWN' },
    ],
    [
      'a knob that is none',
      '/scenarios',
      { default: true, name: 'cut', params: { x: 1 } },
      { status: 400, code: 'SCENARIO_PARAM_INVALID' },
    ],
    [
      'a value out of range',
      '/scenarios',
      { default: true, name: 'cut', params: { afterMs: -1 } },
      { status: 400, code: 'SCENARIO_PARAM_INVALID' },
    ],
    [
      'a choice that is none',
      '/scenarios',
      { default: true, name: 'unlinked', params: { at: 'noon' } },
      { status: 400, code: 'SCENARIO_PARAM_INVALID' },
    ],
    ['a scenario for nobody', '/scenarios', { name: 'cut' }, { status: 400, code: 'SCENARIO_SCOPE_INVALID' }],
    [
      'a scenario for two',
      '/scenarios',
      { default: true, company: '1', name: 'cut' },
      { status: 400, code: 'SCENARIO_SCOPE_INVALID' },
    ],
    [
      'a scenario for no company',
      '/scenarios',
      { company: 'x', name: 'cut' },
      { status: 400, code: 'SCENARIO_SCOPE_INVALID' },
    ],
    ['a scenario without a name', '/scenarios', { default: true }, { status: 400, code: 'BAD_BODY' }],
    [
      'a scenario for zero connections',
      '/scenarios',
      { default: true, name: 'cut', times: 0 },
      { status: 400, code: 'BAD_BODY' },
    ],
    [
      'a message without a text',
      '/phones/79990000001/messages',
      { to: '79990000002' },
      { status: 400, code: 'BAD_BODY' },
    ],
    ['a message to nobody', '/phones/79990000001/messages', { text: 'x' }, { status: 400, code: 'BAD_BODY' }],
    [
      'a message to an unknown phone',
      '/phones/79990000001/messages',
      { to: '79990009999', text: 'x' },
      { status: 404, code: 'PHONE_UNKNOWN' },
    ],
    [
      'a message under another kind of address',
      '/phones/79990000001/messages',
      { to: '79990000002', text: 'x', address: 'mail' },
      { status: 400, code: 'BAD_BODY' },
    ],
    [
      'a look at a message that is not there',
      '/phones/79990000001/messages/x/read',
      {},
      { status: 404, code: 'MESSAGE_UNKNOWN' },
    ],
    ['an unknown path', '/phones/79990000001/dance', {}, { status: 404, code: 'NOT_FOUND' }],
  ])('%s', async (_what, path, body, { status, code }) => {
    expect(await post(path, body)).toMatchObject({ status, body: { error: { code } } });
  });

  test.each([
    ['of another page', { origin: 'https://evil.example' }, { status: 403, code: 'CROSS_SITE' }],
    ['of a page without an origin of its own', { origin: 'null' }, { status: 403, code: 'CROSS_SITE' }],
    ['of another port of this machine', { origin: 'http://127.0.0.1:1' }, { status: 403, code: 'CROSS_SITE' }],
  ])('to change something %s', async (_what, headers, { status, code }) => {
    const unlink = await fetch(`${simulator.httpUrl}/phones/79990000001/unlink`, { method: 'POST', headers });
    expect(unlink.status).toBe(status);
    expect(await unlink.json()).toMatchObject({ error: { code } });
    const clear = await fetch(`${simulator.httpUrl}/scenarios`, { method: 'DELETE', headers });
    expect(clear.status).toBe(status);
  });

  test('under a name that somebody made to point to this machine', async () => {
    const answer = await new Promise<{ status?: number | undefined; text: string }>((resolve, reject) => {
      const options = { headers: { host: `evil.example:${simulator.port}` } };
      const request = httpGet(`${simulator.httpUrl}/phones`, options, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => void (text += chunk.toString()));
        response.on('end', () => resolve({ status: response.statusCode, text }));
      });
      request.on('error', reject);
    });
    expect(answer.status).toBe(421);
    expect(answer.text).toContain('HOST_REFUSED');
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
