import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { parseCompanyId, type CompanyId } from '../../shared/contract/company-id.ts';
import { LinkingSystem, TEST_PHONES } from '../harness/linking-system.ts';
import { TcpProxy } from '../harness/tcp-proxy.ts';
import { waitFor } from '../harness/wait-for.ts';

let system: LinkingSystem;
let versions: Server;
/** What the page of WhatsApp Web says; an error while undefined. */
let revision: number | undefined;
let used = 0;

/** A company and a phone that no other test of this file uses. */
function pair(): { salon: CompanyId; phone: string } {
  const phone = TEST_PHONES[used % TEST_PHONES.length] ?? '';
  used += 1;
  return { salon: parseCompanyId(String(962_500 + used)), phone };
}

type Params = Readonly<Record<string, string | number>>;

/** For one of its connections. */
function forPhone(phone: string, name: string, params: Params = {}): void {
  system.simulator.scenarios.select({ scope: { phone }, name, params, times: 1 });
}

/** From its next connection on: what an open one does for it does not count. */
async function forNextLogin(salon: CompanyId, phone: string, name: string, params: Params = {}): Promise<void> {
  system.simulator.scenarios.select({ scope: { phone }, name: 'unavailable', params: { at: 'login' } });
  cut(phone);
  await system.event(salon, 'disconnected', 2);
  system.simulator.scenarios.select({ scope: { phone }, name, params });
}

/** Before its QR is scanned nobody can tell whose a connection is. */
function forEverybody(name: string, params: Params = {}): void {
  system.simulator.scenarios.select({ scope: { default: true }, name, params });
}

function cut(phone: string): void {
  const device = system.simulator.phones.devices().find((each) => each.phone === phone && each.online);
  system.simulator.phones.disconnect(device?.jid ?? '', 'cut');
}

async function closes(reason: string): Promise<number> {
  const metrics = await (await fetch(`http://127.0.0.1:${system.service.port}/metrics`)).text();
  const line = metrics.split('\n').find((each) => each.startsWith(`whatsapp_disconnects_total{reason="${reason}"} `));
  return Number(line?.split(' ')[1] ?? 0);
}

beforeAll(async () => {
  versions = createServer((_, response) => {
    response.writeHead(revision === undefined ? 503 : 200).end(`{"client_revision":${revision}}`);
  });
  await new Promise<void>((resolve) => versions.listen(0, '127.0.0.1', resolve));
  const versionUrl = new URL(`http://127.0.0.1:${(versions.address() as AddressInfo).port}/sw.js`);
  // Whatever is silent from the login on is given up before its line counts as lost.
  const socketTimes = { connectTimeoutMs: 3_000, openTimeoutMs: 6_000, keepAliveMs: 2_000 };
  system = await LinkingSystem.start({ overrides: { versionUrl, socketTimes } });
});

afterAll(async () => {
  await system[Symbol.asyncDispose]();
  versions.closeAllConnections();
  await new Promise((resolve) => versions.close(resolve));
});

// Each has a phone of its own, and most of the time goes by waiting.
describe.concurrent('a connected session', () => {
  test.each([
    ['closed', {}, 'connection-closed'],
    ['cut', {}, 'connection-closed'],
    ['server-error', { at: 'open' }, 'bad-session'],
    ['unavailable', { at: 'open' }, 'unavailable'],
  ] as const)(
    'that ends by %s is disconnected, says when it comes back, and comes back',
    async (name, params, reason) => {
      const { salon, phone } = pair();
      await system.link(salon, phone);
      forPhone(phone, name, params);
      const { event } = await system.event(salon, 'disconnected');
      expect(event).toMatchObject({ reason, willRetry: true, phoneNumber: phone });
      expect(event.retryAt).toBeGreaterThan(event.timestamp);
      await system.event(salon, 'connected', 2);
      expect(system.types(salon).slice(-3)).toEqual(['connected', 'disconnected', 'connected']);
    },
  );

  test('whose line falls silent is disconnected when nothing came for longer than the keepalive', async () => {
    const { salon, phone } = pair();
    await system.link(salon, phone);
    forPhone(phone, 'silent');
    expect((await system.event(salon, 'disconnected')).event.reason).toBe('connection-lost');
    await system.event(salon, 'connected', 2);
  });

  test('that is asked to restart does so without a word', async () => {
    const { salon, phone } = pair();
    await system.link(salon, phone);
    const before = await closes('restart-required');
    forPhone(phone, 'restart-required');
    await waitFor(async () => (await closes('restart-required')) > before, { what: 'the restart' });
    await waitFor(() => system.service.pool.get(salon)?.machine.phase === 'open', { what: 'the session to be open' });
    expect(system.types(salon).at(-1)).toBe('connected');
    expect(system.types(salon)).not.toContain('disconnected');
  });

  test('that is unlinked on the phone is logged out, and nothing of it is kept', async () => {
    const { salon, phone } = pair();
    await system.link(salon, phone);
    forPhone(phone, 'unlinked', { at: 'open' });
    const { event } = await system.event(salon, 'logged-out');
    expect(event).toMatchObject({ reason: 'logged-out', willRetry: false, phoneNumber: phone });
    await waitFor(() => !system.service.pool.get(salon), { what: 'the session to be released' });
  });

  test('that is opened elsewhere rests, and takes over again only when somebody asks', async () => {
    const { salon, phone } = pair();
    await system.link(salon, phone);
    forPhone(phone, 'conflict');
    const { event } = await system.event(salon, 'replaced');
    expect(event).toMatchObject({ reason: 'replaced', willRetry: false });
    expect(await system.command(salon, 'start')).toMatchObject({ ok: true, event: { type: 'replaced' } });
    await system.command(salon, 'request-qr');
    await system.event(salon, 'connected', 2);
    expect(system.types(salon).slice(-2)).toEqual(['starting', 'connected']);
  });
});

describe.concurrent('a linked session that logs in again', () => {
  test.each([
    ['unlinked', { at: 'login' }, 'logged-out', 'logged-out'],
    ['forbidden', {}, 'failed', 'forbidden'],
  ] as const)('and is refused as %s is over', async (name, params, type, reason) => {
    const { salon, phone } = pair();
    await system.link(salon, phone);
    await forNextLogin(salon, phone, name, params);
    const { event } = await system.event(salon, type);
    expect(event).toMatchObject({ state: type, reason, willRetry: false });
    await waitFor(() => !system.service.pool.get(salon), { what: 'the session to be released' });
  });

  test.each([
    ['server-error', { at: 'login' }, 'bad-session'],
    ['unavailable', { at: 'login' }, 'unavailable'],
    ['mute', { from: 'login' }, 'timed-out'],
  ] as const)('and gets %s tries again', async (name, params, reason) => {
    const { salon, phone } = pair();
    await system.link(salon, phone);
    await forNextLogin(salon, phone, name, params);
    const failed = () => system.seen(salon).find(({ event }) => 'reason' in event && event.reason === reason)?.event;
    expect(await waitFor(failed, { what: `a close as ${reason}` })).toMatchObject({ willRetry: true });
    system.simulator.scenarios.select({ scope: { phone }, name: 'normal', params: {} });
    await system.event(salon, 'connected', 2);
  });
});

describe('a client', () => {
  afterEach(() => system.simulator.scenarios.clear());

  test('that WhatsApp finds too old asks once for the newest version', async () => {
    const { salon, phone } = pair();
    await system.link(salon, phone);
    revision = undefined;
    forEverybody('outdated', { minimumRevision: 4_000_000_000 });
    cut(phone);
    const { event } = await system.event(salon, 'client-outdated');
    expect(event).toMatchObject({ reason: 'client-outdated', willRetry: false });

    revision = 4_000_000_001;
    await system.command(salon, 'request-qr');
    await system.event(salon, 'connected', 2);
    expect(system.types(salon).slice(-3)).toEqual(['client-outdated', 'starting', 'connected']);
  });
});

describe('a session that is being linked', () => {
  afterEach(() => system.simulator.scenarios.clear());

  test.each([
    ['refused', { status: 503 }, 'unreachable'],
    ['refused', { status: 0 }, 'unreachable'],
    ['mute', { from: 'connect' }, 'timed-out'],
    ['mute', { from: 'login' }, 'timed-out'],
    ['registration-refused', { reason: 503 }, 'unavailable'],
  ] as const)('against %s %j is disconnected and shows a QR as soon as it can', async (name, params, reason) => {
    const { salon } = pair();
    forEverybody(name, params);
    await system.command(salon, 'start');
    expect((await system.event(salon, 'disconnected')).event).toMatchObject({ reason, willRetry: true });
    system.simulator.scenarios.clear();
    await system.event(salon, 'qr');
  });

  test('and is refused for good says so', async () => {
    const { salon } = pair();
    forEverybody('registration-refused', { reason: 403 });
    await system.command(salon, 'start');
    expect((await system.event(salon, 'failed')).event).toMatchObject({ reason: 'forbidden', willRetry: false });
  });

  test('and gets no QR that lives rests until somebody asks', async () => {
    const { salon } = pair();
    forEverybody('qr-exhausted', { refs: 0 });
    await system.command(salon, 'start');
    expect((await system.event(salon, 'qr-expired')).event).toMatchObject({ state: 'qr-expired' });
    system.simulator.scenarios.clear();
    expect(await system.command(salon, 'start')).toMatchObject({ event: { type: 'qr-expired' } });
    await system.command(salon, 'request-qr');
    await system.event(salon, 'qr');
  });

  test('with a secret that no QR showed refuses the link and shows another QR', async () => {
    const { salon, phone } = pair();
    forPhone(phone, 'wrong-adv-secret');
    await system.command(salon, 'start');
    const { event: first } = await system.event(salon, 'qr');
    await system.simulator.phones.scan(phone, first.qr.text).catch(() => undefined);
    expect((await system.event(salon, 'disconnected')).event).toMatchObject({ reason: 'pairing-rejected' });
    const { event: second } = await system.event(salon, 'qr', 2);
    await system.simulator.phones.scan(phone, second.qr.text);
    await system.event(salon, 'connected');
  });

  test('by an account that wants a passkey rests and says so', async () => {
    const { salon, phone } = pair();
    forPhone(phone, 'passkey');
    await system.command(salon, 'start');
    const { event } = await system.event(salon, 'qr');
    await expect(system.simulator.phones.scan(phone, event.qr.text)).rejects.toMatchObject({
      code: 'PASSKEY_REQUIRED',
    });
    expect((await system.event(salon, 'passkey-required')).event).toMatchObject({ state: 'passkey-required' });
    expect(await system.command(salon, 'start')).toMatchObject({ event: { type: 'passkey-required' } });
    await system.command(salon, 'request-qr');
    await system.event(salon, 'qr', 2);
  });
});

describe('a server that is not there', () => {
  test.each([
    ['its name does not resolve', () => 'ws://nowhere.invalid/ws/chat', 'dns-failed'],
    ['it refuses connections', () => 'ws://127.0.0.1:1/ws/chat', 'unreachable'],
    ['it speaks no TLS', () => system.simulator.url.replace('ws://', 'wss://'), 'tls-failed'],
  ])('because %s is told by its own reason', async (_, url, reason) => {
    const { salon } = pair();
    await system.stopService();
    await system.startService({ WHATSAPP_URL: url() });
    await system.command(salon, 'start');
    expect((await system.event(salon, 'disconnected')).event).toMatchObject({ reason, willRetry: true });
  });
});

test('sessions that lost WhatsApp together come back a few at a time, and all of them', async () => {
  const salons = Array.from({ length: 40 }, () => pair().salon);
  await using proxy = await TcpProxy.start(system.simulator.port);
  await system.stopService();
  await system.startService({ WHATSAPP_URL: `ws://127.0.0.1:${proxy.port}/ws/chat` });
  await Promise.all(salons.map((salon) => system.command(salon, 'start')));
  await Promise.all(salons.map((salon) => system.event(salon, 'qr')));
  proxy.hold();
  const opening = () => system.service.pool.all().filter(({ machine }) => machine.phase === 'opening').length;
  await waitFor(() => opening() > 20, { what: 'more sessions that want a socket than may have one' });
  await waitFor(() => proxy.peak > 0, { what: 'some of them to have one' });
  expect(proxy.peak).toBeLessThanOrEqual(16);
  proxy.release();
  await Promise.all(salons.map((salon) => system.event(salon, 'qr', 2)));
  await system.stopService();
});
