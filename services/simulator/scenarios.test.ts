import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BaileysClient } from '../../test/harness/baileys-client.ts';
import { ANNA, BORIS, SimulatedWhatsApp, VERA } from '../../test/harness/simulated-whatsapp.ts';
import { waitFor } from '../../test/harness/wait-for.ts';
import type { Scope } from './scenario-desk.ts';

let whatsApp: SimulatedWhatsApp;

beforeEach(async () => {
  whatsApp = await SimulatedWhatsApp.start();
});

afterEach(async () => {
  await whatsApp[Symbol.asyncDispose]();
});

function select(scope: Scope, name: string, params: Record<string, unknown> = {}, times?: number): void {
  whatsApp.simulator.scenarios.select({ scope, name, params, times });
}

const isLinked = (phone: string) =>
  whatsApp.simulator.phones.list().some(({ id, devices }) => id === phone && devices.length > 0);

/** Baileys' status and message at the end of a login, and whether it was open before. */
async function loginEnding(
  query: string,
): Promise<{ status: number; message: string; detail: string; wasOpen: boolean }> {
  const client = whatsApp.connect({ auth: await whatsApp.link(), query });
  const ending = await client.closed();
  return { ...ending, wasOpen: client.isOpen };
}

describe('a device that is open sees', () => {
  test.each([
    ['unlinked', 401, 'Stream Errored (conflict)'],
    ['closed', 428, 'Connection Terminated by Server'],
    ['cut', 428, 'Connection Terminated'],
    ['conflict', 440, 'Stream Errored (conflict)'],
    ['server-error', 500, 'Stream Errored (unknown)'],
    ['unavailable&at=open', 503, 'Stream Errored (unknown)'],
    ['restart-required', 515, 'Stream Errored (restart required)'],
  ])('%s as %i', async (name, status, message) => {
    expect(await loginEnding(`?scenario=${name}&afterMs=50`)).toMatchObject({ status, message, wasOpen: true });
    expect(isLinked(ANNA)).toBe(name !== 'unlinked');
  });
});

describe('a device that logs in sees', () => {
  test.each([
    ['unlinked&at=login', 401],
    ['forbidden', 403],
    ['outdated', 405],
    ['server-error&at=login', 500],
    ['unavailable', 503],
  ])('%s as a failure with %i', async (query, status) => {
    const ending = await loginEnding(`?scenario=${query}`);
    expect(ending).toMatchObject({ status, message: 'Connection Failure', wasOpen: false });
    expect(isLinked(ANNA)).toBe(query !== 'unlinked&at=login');
  });
});

describe('a client that wants to be linked sees', () => {
  test.each([
    ['outdated', 405],
    ['registration-refused', 403],
    ['registration-refused&reason=503', 503],
  ])('%s as a failure with %i', async (query, status) => {
    const client = whatsApp.connect({ query: `?scenario=${query}` });
    expect(await client.closed()).toMatchObject({ status, message: 'Connection Failure' });
    expect(client.qrs).toEqual([]);
  });

  test('no QR that could be used up later, and 408 at once', async () => {
    const ending = await whatsApp.connect({ query: '?scenario=qr-exhausted' }).closed();
    expect(ending).toMatchObject({ status: 408, message: 'QR refs attempts ended' });
  });

  test('as many QRs as there are refs, then 408', async () => {
    const client = whatsApp.connect({ query: '?scenario=qr-exhausted&refs=3', qrTimeoutMs: 20 });
    expect(await client.closed()).toMatchObject({ status: 408, message: 'QR refs attempts ended' });
    expect(client.qrs).toHaveLength(3);
  });

  test('a link signed with another secret as 500', async () => {
    const client = whatsApp.connect({ query: '?scenario=wrong-adv-secret' });
    await expect(whatsApp.simulator.phones.scan(ANNA, await client.qr())).rejects.toMatchObject({
      code: 'LINK_REFUSED',
    });
    expect(await client.closed()).toMatchObject({ status: 500, message: 'Invalid account signature' });
    expect(isLinked(ANNA)).toBe(false);
  });

  test('a demand for a passkey behind the scan, and stays connected', async () => {
    const client = whatsApp.connect({ query: '?scenario=passkey' });
    const demands: { attrs: { from?: string } }[] = [];
    client.socket.ws.on(
      'CB:notification,type:passkey_prologue_request',
      (node: (typeof demands)[0]) => void demands.push(node),
    );
    const scan = whatsApp.simulator.phones.scan(ANNA, await client.qr());
    await expect(scan).rejects.toMatchObject({ code: 'PASSKEY_REQUIRED' });
    await waitFor(() => demands.length === 1, { what: 'the demand' });
    expect(demands[0]?.attrs.from).toBe('@s.whatsapp.net');
    expect(client.isLinked).toBe(false);
    await client.socket.query({ tag: 'iq', attrs: { to: '@s.whatsapp.net', type: 'get', xmlns: 'w:p' } });
  });

  test('whether the account is a business', async () => {
    const [consumer, business] = ['consumer', 'business'].map((is) =>
      whatsApp.connect({ query: `?scenario=business&is=${is}` }),
    ) as [BaileysClient, BaileysClient];
    await whatsApp.simulator.phones.scan(ANNA, await consumer.qr());
    await whatsApp.simulator.phones.scan(VERA, await business.qr());
    expect(consumer.auth.creds).toMatchObject({ platform: 'android' });
    expect(consumer.auth.creds.me?.name).toBeUndefined();
    expect(business.auth.creds).toMatchObject({ platform: 'smba', me: { name: 'Vera' } });
  });

  test('QRs that the phone refuses sooner than usual', async () => {
    let now = Date.now();
    await whatsApp.restart({ now: () => now });
    const client = whatsApp.connect({ query: '?scenario=qr-rotation&firstMs=1000&nextMs=500', qrTimeoutMs: 20 });
    const qrs = [await client.qr(1), await client.qr(2)] as const;
    now += 1000;
    await expect(whatsApp.simulator.phones.scan(ANNA, qrs[0])).rejects.toMatchObject({ code: 'QR_EXPIRED' });
    await whatsApp.simulator.phones.scan(ANNA, qrs[1]);
  });
});

describe('a server that does not answer is', () => {
  test('408 when it is mute from the opening of the WebSocket, or from the login', async () => {
    const auth = await whatsApp.link();
    const config = { connectTimeoutMs: 300, keepAliveIntervalMs: 200 };
    const deaf = whatsApp.connect({ query: '?scenario=mute', config });
    const atLogin = whatsApp.connect({ auth, query: '?scenario=mute&from=login', config });
    expect(await deaf.closed()).toMatchObject({ status: 408, message: 'Timed Out' });
    expect(await atLogin.closed()).toMatchObject({ status: 408, message: 'Connection was lost' });
    expect(atLogin.isOpen).toBe(false);
  });

  test('408 when it falls silent while open, and only then', async () => {
    const auth = await whatsApp.link();
    const client = whatsApp.connect({ auth, query: '?scenario=silent', config: { keepAliveIntervalMs: 200 } });
    await client.opened();
    expect(await client.closed()).toMatchObject({ status: 408, message: 'Connection was lost' });
  });

  test('late and not lost when it is slow', async () => {
    const auth = await whatsApp.link();
    const client = await whatsApp.logIn(auth, { query: '?scenario=slow&delayMs=100' });
    const began = performance.now();
    await client.socket.fetchBlocklist();
    expect(performance.now() - began).toBeGreaterThan(95);
  });
});

/** The HTTP status that a client's WebSocket was answered with. */
async function upgradeStatus(client: BaileysClient): Promise<number> {
  let status: number | undefined;
  client.socket.ws.on('unexpected-response', (_request: unknown, response: { statusCode: number }) => {
    status = response.statusCode;
  });
  return waitFor(() => status, { what: 'the answer to the upgrade' });
}

describe('a WebSocket that does not open is', () => {
  test.each([
    ['refused', 503],
    ['refused&status=403', 403],
    ['no-such-thing', 400],
    ['slow&delayMs=much', 400],
    ['slow&delay=1', 400],
  ])('answered, for %s, with %i', async (query, status) => {
    expect(await upgradeStatus(whatsApp.connect({ query: `?scenario=${query}` }))).toBe(status);
  });

  test('seen as 408 when the line is reset', async () => {
    const ending = await whatsApp.connect({ query: '?scenario=refused&status=0' }).closed();
    expect(ending).toMatchObject({ status: 408 });
    expect(ending.message).toMatch(/^WebSocket Error/);
  });
});

test('claimed prekeys are filled up: all of them at none, five at five, none above', async () => {
  const auth = await whatsApp.link(VERA);
  await whatsApp.logIn(auth);
  // A consumer learns its name in a message, whose session takes a prekey.
  await waitFor(() => auth.creds.me?.name === 'Vera', { what: 'the name' });
  const uploads: number[] = [];
  for (const left of [6, 5, 0]) {
    const before = auth.creds.nextPreKeyId;
    const client = await whatsApp.logIn(auth, { query: `?scenario=prekeys-claimed&left=${left}` });
    await client.caughtUp();
    uploads.push(auth.creds.nextPreKeyId - before);
    await client[Symbol.asyncDispose]();
  }
  expect(uploads).toEqual([0, 5, 812]);
});

test('a version from the given revision on may connect', async () => {
  await whatsApp.restart();
  const config = { version: [2, 3000, 1000] as [number, number, number] };
  const old = whatsApp.connect({ query: '?scenario=outdated&minimumRevision=1001', config });
  const current = whatsApp.connect({ query: '?scenario=outdated&minimumRevision=1000', config });
  expect(await old.closed()).toMatchObject({ status: 405 });
  await current.qr();
});

describe('a selection', () => {
  test('for a phone holds for its devices and nobody else', async () => {
    const [anna, boris] = [await whatsApp.link(ANNA), await whatsApp.link(BORIS)];
    select({ phone: ANNA }, 'forbidden');
    expect(await whatsApp.connect({ auth: anna }).closed()).toMatchObject({ status: 403 });
    await whatsApp.logIn(boris);
    select({ phone: ANNA }, 'normal');
    await whatsApp.logIn(anna);
  });

  test('acts on a device that is open already', async () => {
    const client = await whatsApp.logIn(await whatsApp.link());
    select({ phone: ANNA }, 'conflict', { afterMs: 0 });
    expect(await client.closed()).toMatchObject({ status: 440 });
  });

  test('with a number of times serves that many connections that it makes a difference to', async () => {
    select({ default: true }, 'unavailable', {}, 2);
    const auth = await whatsApp.link();
    for (let attempt = 0; attempt < 2; attempt += 1) {
      expect(await whatsApp.connect({ auth }).closed()).toMatchObject({ status: 503 });
    }
    await whatsApp.logIn(auth);
    expect(whatsApp.simulator.scenarios.list()).toMatchObject([{ name: 'unavailable', left: 0 }]);
  });

  test('for the phone comes before that for everybody, and the URL before both', async () => {
    const auth = await whatsApp.link();
    select({ default: true }, 'forbidden');
    select({ phone: ANNA }, 'unavailable');
    expect(await whatsApp.connect({ auth }).closed()).toMatchObject({ status: 503 });
    await whatsApp.logIn(auth, { query: '?scenario=normal' });
  });

  test('for everybody refuses what begins before the handshake; a phone’s cannot', async () => {
    expect(() => select({ phone: ANNA }, 'refused')).toThrowError(/before the handshake/);
    expect(() => select({ company: 'company_1' }, 'mute')).toThrowError(/before the handshake/);
    select({ default: true }, 'refused', { status: 502 });
    expect(await upgradeStatus(whatsApp.connect())).toBe(502);
    whatsApp.simulator.scenarios.clear();
    await whatsApp.connect().qr();
  });

  test('that is ended lets a silent connection speak again', async () => {
    const client = await whatsApp.logIn(await whatsApp.link());
    select({ phone: ANNA }, 'silent');
    const answer = client.socket.fetchBlocklist();
    whatsApp.simulator.scenarios.clear();
    await client.socket.fetchPrivacySettings(true);
    void answer.catch(() => undefined);
  });
});
