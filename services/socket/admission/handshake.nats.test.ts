import { request } from 'node:http';
import { SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startNatsServer, type NatsServer } from '../../../test/harness/nats-server.ts';
import {
  GatewayUnderTest,
  byHand,
  signToken,
  type GatewayUnderTestOptions,
  type TestBrowser,
} from '../../../test/harness/socket-gateway.ts';
import { waitFor } from '../../../test/harness/wait-for.ts';

const SALON = 962_302;
const HANDSHAKE = '/socket.io/?EIO=4&transport=polling';

let server: NatsServer;
const opened: AsyncDisposable[] = [];

beforeAll(async () => {
  server = await startNatsServer();
});

afterEach(async () => {
  for (const each of opened.splice(0)) await each[Symbol.asyncDispose]();
});

afterAll(() => server?.stop());

async function start(options: GatewayUnderTestOptions = {}): Promise<GatewayUnderTest> {
  const gateway = await GatewayUnderTest.startEmpty(server.url, options);
  opened.push(gateway);
  return gateway;
}

function refusalOf(browser: TestBrowser): Promise<Error & { data?: { code?: string } }> {
  return waitFor(() => browser.refusals[0], { what: 'a refusal' });
}

describe('a token', () => {
  test('is taken from the Authorization header, from auth, and from the query of old clients', async () => {
    const gateway = await start();
    const token = await signToken(SALON);
    for (const options of [
      { auth: { token: undefined }, extraHeaders: { authorization: `Bearer ${token}` } },
      { auth: { token } },
      { auth: { token: undefined }, query: { token } },
    ]) {
      const browser = await gateway.join(1, options);
      await gateway.publishEvent(byHand(SALON, 'connected'));
      await browser.got('whatsapp-connected');
    }
    expect(gateway.log.filter(({ msg }) => String(msg).includes('token in the query'))).toHaveLength(1);
    expect(JSON.stringify(gateway.log)).not.toContain(token);
  });

  test('in the header wins: a valid one elsewhere does not make up for it', async () => {
    const gateway = await start();
    const browser = await gateway.open(SALON, { extraHeaders: { authorization: 'Bearer forged' } });
    expect((await refusalOf(browser)).data).toEqual({ code: 'TOKEN_INVALID' });
  });

  const claims = { salon_id: SALON, company_id: 1 };
  const sign = (secret: string, alg = 'HS256') =>
    new SignJWT(claims).setProtectedHeader({ alg }).setExpirationTime('1h').sign(Buffer.from(secret));
  test.each([
    ['alg none', 'TOKEN_INVALID', () => new UnsecuredJWT(claims).setExpirationTime('1h').encode()],
    ['another secret', 'TOKEN_INVALID', () => sign('another secret of at least 32 bytes!')],
    ['no expiry', 'TOKEN_CLAIMS', () => signNoExpiry()],
    ['an expiry in the past', 'TOKEN_EXPIRED', () => signToken(SALON, Math.floor(Date.now() / 1000) - 1)],
    ['a wildcard for a salon', 'TOKEN_CLAIMS', () => signToken('*')],
    ['nothing', 'TOKEN_MISSING', () => undefined],
    ['no text', 'TOKEN_MISSING', () => ({ $ne: null })],
  ])('with %s is refused as %s', async (_title, code, make) => {
    const gateway = await start();
    const browser = await gateway.open(SALON, { auth: { token: await make() } });
    const refusal = await refusalOf(browser);
    expect(refusal.data).toEqual({ code });
    expect(browser.socket.connected).toBe(false);
    const sample = `socketio_rejections_total{reason="${code.toLowerCase()}"}`;
    expect(await gateway.metric(sample)).toBe(1);
  });

  function signNoExpiry(): Promise<string> {
    const secret = Buffer.from('a secret for tests of at least 32 bytes');
    return new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(secret);
  }

  test('ends the connection when it expires, and says why', async () => {
    const gateway = await start();
    const token = await signToken(SALON, Math.floor(Date.now() / 1000) + 2);
    const browser = await gateway.join(SALON, { auth: { token } });
    await waitFor(() => browser.disconnects[0], { what: 'the end of the connection' });
    // Before it, that nobody owns the session.
    expect(browser.payloads('error').at(-1)).toMatchObject({ code: 'TOKEN_EXPIRED' });
    expect(browser.disconnects).toEqual(['io server disconnect']);
  });

  test('ends its own connection alone, in whatever order tokens end', async () => {
    const gateway = await start();
    const until = async (seconds: number) => signToken(SALON, Math.floor(Date.now() / 1000) + seconds);
    const lasting = await gateway.join(SALON, { auth: { token: await until(3600) } });
    const later = await gateway.join(SALON, { auth: { token: await until(4) } });
    const first = await gateway.join(SALON, { auth: { token: await until(2) } });
    const ended: string[] = [];
    later.socket.on('disconnect', () => ended.push('later'));
    first.socket.on('disconnect', () => ended.push('first'));
    await waitFor(() => ended.length === 2, { what: 'the end of two connections' });
    expect(ended).toEqual(['first', 'later']);
    await gateway.publishEvent(byHand(SALON, 'connected'));
    await lasting.showing('connected');
    expect(lasting.disconnects).toEqual([]);
  });
});

describe('a room', () => {
  test('comes from the token alone, whatever else the client names', async () => {
    const gateway = await start();
    const names = { room: 'company-1', rooms: ['company-1'], salon_id: 1, companyId: 'company_1' };
    const browser = await gateway.join(SALON, { auth: names, query: { ...names, rooms: 'company-1' } });
    for (const event of ['join', 'subscribe', 'room', 'join-room']) browser.socket.emit(event, 'company-1');
    await gateway.publishEvent(byHand(1, 'connected', { phoneNumber: '79990000002' }));
    await gateway.publishEvent(byHand(SALON, 'connected'));
    await browser.showing('connected');
    expect(browser.payloads('whatsapp-connected').map(({ phone }) => phone)).toEqual(['79990000001']);
  });

  test('cannot be entered twice over one connection, not even at once', async () => {
    const gateway = await start();
    const opening = await (await fetch(gateway.url + HANDSHAKE)).text();
    const { sid } = JSON.parse(opening.slice(1)) as { sid: string };
    const connect = async (salon: number) => `40/marketplace,${JSON.stringify({ token: await signToken(salon) })}`;
    await fetch(`${gateway.url}${HANDSHAKE}&sid=${sid}`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body: `${await connect(SALON)}\x1e${await connect(1)}`,
    });
    await waitFor(() => gateway.metric('socketio_rejections_total{reason="already_connected"}'), {
      what: 'the refusal',
    });
    await waitFor(async () => (await gateway.metric('socketio_rooms')) === 1, { what: 'the first to be in its room' });
  });

  test('that was left is entered again by a new connection when the token came with the request of the old one', async () => {
    const gateway = await start();
    const token = await signToken(SALON);
    const browser = await gateway.join(SALON, { auth: { token: undefined }, query: { token }, reconnectionDelay: 10 });
    const { engine } = browser.socket.io;
    engine.send('1/marketplace,');
    await waitFor(async () => (await gateway.metric('socketio_rooms')) === 0, { what: 'the browser to have left' });
    engine.send('0/marketplace,');
    await waitFor(() => browser.socket.io.engine !== engine && browser.socket.connected, { what: 'a new connection' });
    expect(browser.disconnects).toEqual(['transport close']);
    expect(await gateway.metric('socketio_rejections_total{reason="token_missing"}')).toBe(1);
    await gateway.publishEvent(byHand(SALON, 'connected'));
    await browser.showing('connected');
  });
});

test('another namespace is refused', async () => {
  const gateway = await start();
  const browser = await gateway.open(SALON);
  const other = browser.socket.io.socket('/', { auth: {} });
  const refusal = new Promise<Error>((resolve) => {
    other.on('connect_error', resolve);
  });
  other.connect();
  expect((await refusal).message).toContain('/marketplace');
});

test('a message above 16 KiB ends the connection of its sender and of nobody else', async () => {
  const gateway = await start();
  const [hostile, other] = [await gateway.join(SALON), await gateway.join(SALON)];
  hostile.socket.emit('request-qr', 'x'.repeat(17 * 1024));
  await waitFor(() => hostile.disconnects[0], { what: 'the end of the connection' });
  expect(other.disconnects).toEqual([]);
});

describe('an origin', () => {
  const env = { ALLOWED_ORIGINS: 'https://app.example.com,https://n*.market.example' };

  test.each(['https://app.example.com', 'https://n962302.market.example'])('%s is let in', async (origin) => {
    const gateway = await start({ env });
    const response = await fetch(gateway.url + HANDSHAKE, { headers: { origin } });
    expect(response.status).toBe(200);
    expect(response.headers.get('access-control-allow-origin')).toBe(origin);
    await gateway.join(SALON, { extraHeaders: { origin } });
  });

  test.each(['https://evil.example', 'https://n1.market.example.evil.example', 'null'])(
    '%s is refused over both transports, clearly and counted',
    async (origin) => {
      const gateway = await start({ env });
      const response = await fetch(gateway.url + HANDSHAKE, { headers: { origin } });
      expect(response.status).toBe(403);
      expect(await response.json()).toMatchObject({ error: { code: 'ORIGIN_REFUSED' } });
      expect(response.headers.get('access-control-allow-origin')).toBeNull();
      const browser = await gateway.open(SALON, { extraHeaders: { origin } });
      await refusalOf(browser);
      expect(await gateway.metric('socketio_rejections_total{reason="origin_refused"}')).toBe(2);
    },
  );
});

describe('the limit of connections', () => {
  const env = { CONNECTIONS_PER_MINUTE: '5', TRUSTED_PROXIES: '127.0.0.0/8,::1' };
  const from = (address: string) => ({ 'x-forwarded-for': address });

  test('refuses the sixth stranger of an address with 429 before the upgrade, and nobody else', async () => {
    const gateway = await start({ env });
    const statuses: number[] = [];
    for (let n = 0; n < 7; n += 1) {
      statuses.push((await fetch(gateway.url + HANDSHAKE, { headers: from('203.0.113.5') })).status);
    }
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429, 429]);
    expect((await fetch(gateway.url + HANDSHAKE, { headers: from('203.0.113.6') })).status).toBe(200);
    const browser = await gateway.open(SALON, { extraHeaders: from('203.0.113.5') });
    expect((await refusalOf(browser)).message).toBe('websocket error');
    expect(browser.socket.active).toBe(true);
  });

  test('says 429 to a WebSocket handshake too', async () => {
    const gateway = await start({ env: { ...env, CONNECTIONS_PER_MINUTE: '1' } });
    await fetch(gateway.url + HANDSHAKE);
    const status = await new Promise((resolve, reject) => {
      request(`${gateway.url}/socket.io/?EIO=4&transport=websocket`, {
        headers: {
          connection: 'Upgrade',
          upgrade: 'websocket',
          'sec-websocket-version': '13',
          'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
        },
      })
        .on('response', ({ statusCode, headers }) => resolve([statusCode, headers['retry-after']]))
        .on('error', reject)
        .end();
    });
    expect(status).toEqual([429, '15']);
  });

  test('lets ten tabs of one salon in, each with a token of its own', async () => {
    const gateway = await start({ env });
    for (let n = 0; n < 10; n += 1) await gateway.join(SALON);
  });

  test('lets a known token reconnect as often as it needs, also after strangers used the limit up', async () => {
    const gateway = await start({ env });
    const token = await signToken(SALON);
    for (let n = 0; n < 8; n += 1) {
      const browser = await gateway.join(SALON, { auth: { token } });
      browser.socket.disconnect();
    }
    await waitFor(async () => (await gateway.metric('socketio_rooms')) === 0, { what: 'the room to be empty' });
    for (let n = 0; n < 4; n += 1) expect((await fetch(gateway.url + HANDSHAKE)).status).toBe(200);
    await gateway.join(SALON, { auth: { token } });
  });

  test('turns a stranger away who came in the place of somebody known, in a way that lets him try again', async () => {
    const gateway = await start({ env });
    const known = await gateway.join(SALON);
    known.socket.disconnect();
    await waitFor(async () => (await gateway.metric('socketio_rooms')) === 0, { what: 'the room to be empty' });
    for (let n = 0; n < 4; n += 1) await fetch(gateway.url + HANDSHAKE);
    const stranger = await gateway.open(1);
    await waitFor(() => gateway.metric('socketio_rejections_total{reason="too_many_connections"}'), {
      what: 'the refusal',
    });
    expect(stranger.socket.connected).toBe(false);
    expect(stranger.socket.active).toBe(true);
  });

  test('of a company turns further tabs away while as many are open, and nobody else', async () => {
    const gateway = await start({ env: { ...env, MAX_SOCKETS_PER_COMPANY: '2' } });
    const retry = { reconnectionDelay: 10, reconnectionDelayMax: 50 };
    const token = await signToken(SALON);
    const tabs = await Promise.all(Array.from({ length: 6 }, () => gateway.open(SALON, { auth: { token }, ...retry })));
    const limit = 'socketio_rejections_total{reason="company_limit"}';
    await waitFor(async () => (await gateway.metric(limit)) >= 4, { what: 'four refusals' });
    await gateway.join(1);
    const isIn = () => tabs.filter(({ socket }) => socket.connected);
    expect(isIn()).toHaveLength(2);
    const [leaving] = isIn();
    leaving?.socket.disconnect();
    await waitFor(() => isIn().length === 2, { what: 'another tab in the place of the closed one' });
  });
});
