import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuthenticationState } from '@whiskeysockets/baileys';
import { Curve } from '@whiskeysockets/baileys/lib/Utils/crypto.js';
import { USyncQuery, USyncUser } from '@whiskeysockets/baileys/lib/WAUSync/index.js';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BaileysClient, createAuth, trustStrictly } from '../../test/harness/baileys-client.ts';
import { waitFor } from '../../test/harness/wait-for.ts';
import { PhoneError } from './people/phone-error.ts';
import { startSimulator, type Simulator, type SimulatorOptions } from './service.ts';

const PHONE = '79990000001';

let dataDir: string;
let simulator: Simulator;
let clients: BaileysClient[];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'simulator-'));
  clients = [];
  await start();
});

afterEach(async () => {
  for (const client of clients) await client[Symbol.asyncDispose]();
  await simulator.stop();
  await rm(dataDir, { recursive: true });
});

async function start(options: Partial<SimulatorOptions> = {}): Promise<void> {
  simulator = await startSimulator({ port: 0, dataDir, logger: pino({ level: 'silent' }), ...options });
  trustStrictly(simulator.rootKey);
}

async function restart(options: Partial<SimulatorOptions> = {}): Promise<void> {
  await simulator.stop();
  await start(options);
}

function connect(auth?: AuthenticationState, qrTimeoutMs?: number): BaileysClient {
  const client = new BaileysClient({
    url: simulator.url,
    ...(auth && { auth }),
    ...(qrTimeoutMs !== undefined && { qrTimeoutMs }),
  });
  clients.push(client);
  return client;
}

/** Links and answers the credentials; the client has closed with 515. */
async function link(phone = PHONE): Promise<AuthenticationState> {
  const client = connect();
  await simulator.phones.scan(phone, await client.qr());
  await client.closed();
  return client.auth;
}

async function logIn(auth: AuthenticationState): Promise<BaileysClient> {
  const client = connect(auth);
  await client.opened();
  return client;
}

async function rejections(): Promise<unknown> {
  return (await fetch(`${simulator.httpUrl}/rejections`)).json();
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(PhoneError);
  return (error as PhoneError).code;
}

function withField(qr: string, index: number, value: string): string {
  const fields = qr.split(',');
  fields[index] = value;
  return fields.join(',');
}

const randomKey = () => Buffer.from(Curve.generateKeyPair().public).toString('base64');

describe('an unmodified Baileys', () => {
  test('links by QR, is told to restart, logs in and opens', async () => {
    const first = connect();
    const device = await simulator.phones.scan(PHONE, await first.qr());
    expect(device).toMatchObject({ jid: '79990000001:1@s.whatsapp.net', lid: '100000000000001:1@lid', device: 1 });
    expect(await first.closed()).toMatchObject({ status: 515 });
    expect(first.isLinked).toBe(true);
    expect(first.isOpen).toBe(false);

    const second = await logIn(first.auth);
    expect(second.auth.creds.me).toEqual({
      id: '79990000001:1@s.whatsapp.net',
      lid: '100000000000001:1@lid',
      name: 'Salon Anna',
    });
    expect(simulator.phones.devices()).toMatchObject([{ phone: PHONE, platform: 'Chrome (Mac OS)', online: true }]);
    expect(await rejections()).toEqual({});
  });

  test('logs in after a restart of the simulator on the same folder, without a scan', async () => {
    const auth = await link();
    await (await logIn(auth)).caughtUp();
    const rootKey = simulator.rootKey;
    await restart();
    expect(simulator.rootKey).toEqual(rootKey);
    const prekeys = auth.creds.nextPreKeyId;
    await (await logIn(auth)).caughtUp();
    expect(auth.creds.nextPreKeyId).toBe(prekeys);
  });

  test('is told its name only by a business account', async () => {
    const auth = await link('79990000003');
    expect(auth.creds.me).toMatchObject({ id: '79990000003:1@s.whatsapp.net' });
    expect(auth.creds.me?.name).toBeUndefined();
  });

  test('gets answers to everything it asks for by itself', async () => {
    const { socket } = await logIn(await link());
    expect(await socket.fetchBlocklist()).toEqual([]);
    expect(await socket.fetchPrivacySettings(true)).toMatchObject({ last: 'all', readreceipts: 'all' });
    expect(await socket.onWhatsApp('79990000002', '79990009999')).toEqual([
      { jid: '79990000002@s.whatsapp.net', exists: true },
    ]);
    await socket.resyncAppState(['critical_block'], false);
    await socket.rotateSignedPreKey();
    await socket.digestKeyBundle();
  });

  test('finds the devices and the LID of an account', async () => {
    await link('79990000002');
    const { socket } = await logIn(await link());
    const query = new USyncQuery()
      .withDeviceProtocol()
      .withLIDProtocol()
      .withUser(new USyncUser().withId('79990000002@s.whatsapp.net'));
    const answer = await socket.executeUSyncQuery(query);
    expect(answer?.list).toMatchObject([
      {
        id: '79990000002@s.whatsapp.net',
        lid: '100000000000002@lid',
        devices: { deviceList: [{ id: 0 }, { id: 1, keyIndex: 1 }] },
      },
    ]);
  });

  test('gets error 501 for a query that nobody implements, and stays connected', async () => {
    const client = await logIn(await link());
    const query = client.socket.query({
      tag: 'iq',
      attrs: { to: '@s.whatsapp.net', type: 'get', xmlns: 'w:nothing' },
      content: [{ tag: 'nothing', attrs: {} }],
    });
    await expect(query).rejects.toMatchObject({ data: 501 });
    await client.socket.query({
      tag: 'iq',
      attrs: { to: '@s.whatsapp.net', type: 'get', xmlns: 'w:p' },
      content: [{ tag: 'ping', attrs: {} }],
    });
  });

  test('refuses a server whose certificates lead to another root', async () => {
    trustStrictly(Buffer.from(Curve.generateKeyPair().public));
    const ending = await connect().closed();
    expect(ending).toMatchObject({ status: 400, message: 'noise intermediate certificate signature invalid' });
  });
});

describe('a scan', () => {
  test('with a wrong ADV secret is refused by the client and links nothing', async () => {
    const client = connect();
    const qr = withField(await client.qr(), 3, randomKey());
    expect(await refusal(simulator.phones.scan(PHONE, qr))).toBe('LINK_REFUSED');
    expect(await client.closed()).toMatchObject({ status: 500, message: 'Invalid account signature' });
    expect(simulator.phones.devices()).toEqual([]);
  });

  test('after the life of its ref is refused, while the next ref is good', async () => {
    let now = Date.now();
    await restart({ now: () => now });
    const client = connect(undefined, 50);
    const [first, second] = [await client.qr(1), await client.qr(2)];
    expect(first).not.toBe(second);
    now += 60_000;
    expect(await refusal(simulator.phones.scan(PHONE, first))).toBe('QR_EXPIRED');
    await simulator.phones.scan(PHONE, second);
    expect(client.isLinked).toBe(true);
  });

  test('of a client that has left is refused as expired', async () => {
    const client = connect();
    const qr = await client.qr();
    await client[Symbol.asyncDispose]();
    const code = await waitFor(
      async () => {
        const seen = await refusal(simulator.phones.scan(PHONE, withField(qr, 1, randomKey())));
        return seen === 'QR_EXPIRED' && seen;
      },
      { what: 'the server to notice that the client left' },
    );
    expect(code).toBe('QR_EXPIRED');
  });

  test('of a QR that was used is refused', async () => {
    const client = connect();
    const qr = await client.qr();
    await simulator.phones.scan(PHONE, qr);
    expect(await refusal(simulator.phones.scan('79990000002', qr))).toBe('QR_USED');
    expect(simulator.phones.devices()).toHaveLength(1);
  });

  test('of a ref that was never given out, or with the keys of another client, is refused', async () => {
    const client = connect();
    const qr = await client.qr();
    const unknown = `${qr.slice(0, qr.indexOf('#') + 1)}2@unknown${qr.slice(qr.indexOf(','))}`;
    expect(await refusal(simulator.phones.scan(PHONE, unknown))).toBe('QR_UNKNOWN');
    expect(await refusal(simulator.phones.scan(PHONE, withField(qr, 1, randomKey())))).toBe('QR_MISMATCH');
    expect(await refusal(simulator.phones.scan(PHONE, withField(qr, 2, randomKey())))).toBe('QR_MISMATCH');
    expect(await refusal(simulator.phones.scan('70000000000', qr))).toBe('PHONE_UNKNOWN');
    await simulator.phones.scan(PHONE, qr);
  });

  test('of eight clients at once by one phone links eight devices', async () => {
    const waiting = Array.from({ length: 8 }, () => connect());
    const qrs = await Promise.all(waiting.map((client) => client.qr()));
    const devices = await Promise.all(qrs.map((qr) => simulator.phones.scan(PHONE, qr)));
    expect(new Set(devices.map(({ device }) => device)).size).toBe(8);
    expect(simulator.phones.devices()).toHaveLength(8);
  });
});

describe('a login', () => {
  test('with another noise key is refused with 401', async () => {
    const auth = await link();
    Object.assign(auth.creds, { noiseKey: Curve.generateKeyPair() });
    const ending = await connect(auth).closed();
    expect(ending).toMatchObject({ status: 401, message: 'Connection Failure' });
    expect(await rejections()).toEqual({ NOISE_KEY_UNKNOWN: 1 });
  });

  test('of a device that was never linked is refused with 401', async () => {
    const auth = createAuth();
    auth.creds.me = { id: '79990000001:7@s.whatsapp.net' };
    expect(await connect(auth).closed()).toMatchObject({ status: 401 });
    expect(await rejections()).toEqual({ DEVICE_UNKNOWN: 1 });
  });

  test('of the same device on a second connection replaces the first with 440', async () => {
    const auth = await link();
    const first = await logIn(auth);
    const second = await logIn(auth);
    expect(await first.closed()).toMatchObject({ status: 440 });
    await second.socket.fetchBlocklist();
    expect(simulator.phones.devices()).toMatchObject([{ online: true }]);
  });
});

describe('a connected device', () => {
  test.each(['close', 'cut'] as const)('sees 428 when its connection ends by %s, and reconnects', async (how) => {
    const auth = await link();
    const client = await logIn(auth);
    simulator.phones.disconnect('79990000001:1@s.whatsapp.net', how);
    expect(await client.closed()).toMatchObject({ status: 428 });
    await logIn(auth);
  });

  test('that its phone unlinks sees 401 device_removed, and cannot log in again', async () => {
    const auth = await link();
    const client = await logIn(auth);
    expect(await simulator.phones.unlink(PHONE)).toEqual(['79990000001:1@s.whatsapp.net']);
    const ending = await client.closed();
    expect(ending.status).toBe(401);
    expect(ending.detail).toContain('device_removed');
    await restart();
    expect(await connect(auth).closed()).toMatchObject({ status: 401, message: 'Connection Failure' });
  });

  test('that logs out is unlinked', async () => {
    const client = await logIn(await link());
    await client.socket.logout();
    await waitFor(() => simulator.phones.devices().length === 0, { what: 'the device to be unlinked' });
  });

  test('that is offline while it is unlinked learns it at its next login', async () => {
    const auth = await link();
    await simulator.phones.unlink(PHONE, 1);
    expect(await connect(auth).closed()).toMatchObject({ status: 401 });
  });

  test('sees an orderly end when the simulator stops', async () => {
    const client = await logIn(await link());
    await simulator.stop();
    expect(await client.closed()).toMatchObject({ status: 428 });
  });
});
