import { once } from 'node:events';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { BusConnection } from '../../shared/bus/connection.ts';
import { servePing } from '../../shared/bus/ping.ts';
import { startNatsServer, type NatsServer } from '../../test/harness/nats-server.ts';
import { RawTransport } from '../../test/harness/raw-transport.ts';
import {
  GatewayUnderTest,
  byHand,
  ownerEvent,
  qrFor,
  signToken,
  type GatewayUnderTestOptions,
} from '../../test/harness/socket-gateway.ts';
import { waitFor } from '../../test/harness/wait-for.ts';
import { toConfig } from './config.ts';
import { loadPageAssets } from './http/page-assets.ts';
import { startSocketService } from './service.ts';

const SALON = 962_302;

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
  const gateway = await GatewayUnderTest.start(server.url, options);
  opened.push(gateway);
  return gateway;
}

describe('GET /status', () => {
  async function ask(gateway: GatewayUnderTest, salon: number, headers: Record<string, string> = {}) {
    const authorization = `Bearer ${await signToken(salon)}`;
    return fetch(`${gateway.url}/status`, { headers: { authorization, ...headers } });
  }

  /** The status once the gateway knows its stream, which is a moment after its start. */
  function placed(gateway: GatewayUnderTest, salon: number) {
    const read = async () => {
      const status = (await (await ask(gateway, salon)).json()) as Readonly<Record<string, unknown>>;
      return 'stream' in status && status;
    };
    return waitFor(read, { what: 'a status with its stream' });
  }

  test('gives a state the place that the socket gives it, whether or not somebody is in the room', async () => {
    const gateway = await start();
    await gateway.publishEvent(ownerEvent(13, 'connected', { epoch: 57, seq: 3 }));
    const alone = await placed(gateway, 13);
    const browser = await gateway.join(13);
    const { epoch, seq, stream } = await browser.showing('connected');
    expect(alone).toMatchObject({ epoch, seq, stream });
    expect(await placed(gateway, 13)).toEqual(alone);
  });

  test('answers where the company of the token stands', async () => {
    const gateway = await start();
    expect(await (await ask(gateway, 11)).json()).toEqual({ connected: false, state: null, phone: null });
    await gateway.publishEvent(
      ownerEvent(11, 'qr', { epoch: 1, seq: 1 }, { ...qrFor(60_000), phoneNumber: undefined }),
    );
    expect(await placed(gateway, 11)).toEqual({
      connected: false,
      state: 'qr',
      phone: null,
      sessionId: 'company_11',
      epoch: 1,
      seq: 1,
      stream: expect.any(Number) as number,
    });
    await gateway.publishEvent(byHand(11, 'connected'));
    const response = await ask(gateway, 11);
    expect(await response.json()).toEqual({
      connected: true,
      state: 'connected',
      phone: '79990000001',
      sessionId: 'company_11',
    });
    expect(response.headers.get('cache-control')).toBe('no-store');
  });

  test.each([
    [undefined, 'TOKEN_MISSING'],
    ['Basic abc', 'TOKEN_MISSING'],
    ['Bearer abc', 'TOKEN_INVALID'],
  ])('refuses %j with 401 and a stable code', async (authorization, code) => {
    const gateway = await start();
    const response = await fetch(`${gateway.url}/status`, { headers: authorization ? { authorization } : {} });
    expect(response.status).toBe(401);
    expect(await response.json()).toEqual({ error: { code, message: expect.any(String) as string } });
  });

  test('may be asked from allowed origins only, and says so to their preflight', async () => {
    const gateway = await start({ env: { ALLOWED_ORIGINS: 'https://n*.market.example' } });
    const origin = 'https://n7.market.example';
    const preflight = await fetch(`${gateway.url}/status`, { method: 'OPTIONS', headers: { origin } });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-headers')).toBe('Authorization');
    expect((await ask(gateway, 12, { origin })).headers.get('access-control-allow-origin')).toBe(origin);
    const refused = await ask(gateway, 12, { origin: 'https://evil.example' });
    expect(refused.status).toBe(403);
    expect(refused.headers.get('access-control-allow-origin')).toBeNull();
  });

  test('is refused to a company that asks too often, with when to ask again, and to no other', async () => {
    const gateway = await start({ limits: { statusBurst: 3, statusPerMinute: 3 } });
    const statuses = [];
    for (let asked = 0; asked < 4; asked += 1) statuses.push((await ask(gateway, 14)).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    const refused = await ask(gateway, 14);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({ error: { code: 'TOO_MANY_REQUESTS' } });
    expect((await ask(gateway, 15)).status).toBe(200);
    expect(await gateway.metric('socketio_rejections_total{reason="too_many_requests"}')).toBe(2);
  });

  test('answers 503 while the state cannot be read', async () => {
    const own = await startNatsServer();
    const gateway = await GatewayUnderTest.start(own.url);
    opened.push(gateway, own);
    await own.kill();
    await waitFor(() => !gateway.service.readiness().ready, { what: 'the gateway to notice' });
    const response = await ask(gateway, SALON);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ error: { code: 'STATE_UNAVAILABLE' } });
    await own.restart();
  });
});

describe('the onboarding page', () => {
  test('is served bundled, with a policy that allows its own scripts, styles and sockets alone', async () => {
    const page = await loadPageAssets(join(import.meta.dirname, 'page'));
    const gateway = await start({ page });
    const html = await fetch(`${gateway.url}/?token=abc`);
    expect(html.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(html.headers.get('content-security-policy')).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; " +
        "form-action 'none'; require-trusted-types-for 'script'; frame-ancestors 'none'",
    );
    expect(html.headers.get('x-frame-options')).toBe('DENY');
    expect(html.headers.get('referrer-policy')).toBe('no-referrer');
    const script = await fetch(`${gateway.url}/onboarding.js`);
    expect(script.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    expect(await script.text()).toContain('/marketplace');
    expect(await statusOf(`${gateway.url}/onboarding.js`, { 'if-none-match': script.headers.get('etag') ?? '' })).toBe(
      304,
    );
    expect((await fetch(`${gateway.url}/onboarding.css`)).status).toBe(200);
    expect((await fetch(`${gateway.url}/onboarding.ts`)).status).toBe(404);
  });

  test('may be framed by the one allowed origin that asks, and is told which', async () => {
    const page = await loadPageAssets(join(import.meta.dirname, 'page'));
    const gateway = await start({ page, env: { ALLOWED_ORIGINS: 'https://market.test,https://n*.market.test' } });
    const framed = (embed: string) => fetch(`${gateway.url}/?embed=${encodeURIComponent(embed)}`);
    for (const origin of ['https://market.test', 'https://n962302.market.test']) {
      const html = await framed(origin);
      expect(html.headers.get('content-security-policy')).toContain(`; frame-ancestors ${origin}`);
      expect(html.headers.get('x-frame-options')).toBeNull();
      expect(await html.text()).toContain(`<meta name="embedding-origin" content="${origin}" />`);
    }
    for (const origin of ['https://evil.test', 'https://market.test/"><script>', 'https://market.test ;', 'null', '']) {
      expect((await framed(origin)).status).toBe(403);
    }
  });
});

/** `fetch` turns its own cache off, and says so to the server, when it is given a condition. */
function statusOf(url: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get(url, { headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', reject);
  });
}

describe('health and metrics', () => {
  test('stand on the public port unless they have one of their own', async () => {
    const gateway = await start();
    for (const path of ['/healthz', '/readyz', '/metrics']) {
      expect((await fetch(gateway.url + path)).status).toBe(200);
    }
  });

  test('move inside with SOCKET_ADMIN_PORT', async () => {
    const gateway = await start({ env: { SOCKET_ADMIN_PORT: '0' } });
    expect(gateway.service.adminPort).not.toBe(gateway.service.port);
    expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200);
    for (const path of ['/readyz', '/metrics']) {
      expect((await fetch(gateway.url + path)).status).toBe(404);
      expect((await fetch(`http://127.0.0.1:${gateway.service.adminPort}${path}`)).status).toBe(200);
    }
  });

  test('say how long the way to a WhatsApp service and back takes, or what is missing on it', async () => {
    const own = await startNatsServer();
    const gateway = await GatewayUnderTest.start(own.url);
    opened.push(gateway, own);
    const ask = async () => {
      const response = await fetch(`${gateway.url}/health/pubsub`);
      return { status: response.status, body: (await response.json()) as object };
    };
    expect(await ask()).toEqual({ status: 503, body: { status: 'unavailable', code: 'BUS_NO_RESPONDERS' } });
    const owner = await BusConnection.connect({ servers: [own.url], name: 'whatsapp' });
    servePing(owner);
    await owner.flush(5000);
    const answers = await Promise.all([ask(), ask(), ask()]);
    for (const answer of answers) {
      expect(answer).toEqual({ status: 200, body: { status: 'ok', latencyMs: expect.any(Number) as number } });
    }
    await owner.drain();
    await own.kill();
    await waitFor(() => !gateway.service.readiness().ready, { what: 'the gateway to notice' });
    expect(await ask()).toEqual({ status: 503, body: { status: 'unavailable', code: 'BUS_NOT_CONNECTED' } });
    await own.restart();
  });

  test('say how far the live feed is behind', async () => {
    const gateway = await start();
    const ready = (await (await fetch(`${gateway.url}/readyz`)).json()) as { lagMs: unknown };
    expect(ready.lagMs).toBeGreaterThanOrEqual(0);
  });

  test('name what readiness waits for', async () => {
    const own = await startNatsServer();
    const gateway = await GatewayUnderTest.start(own.url);
    opened.push(gateway, own);
    await own.kill();
    await waitFor(() => !gateway.service.readiness().ready, { what: 'the gateway to notice' });
    const response = await fetch(`${gateway.url}/readyz`);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ ready: false, checks: { nats: 'disconnected', service: 'ok' } });
    expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200);
    await own.restart();
  });

  test('keep their number of series however many companies there are', async () => {
    const gateway = await start();
    const counted = async (outcome: string) =>
      gateway.metric(
        `socket_events_total{event="${outcome === 'emitted' ? 'connected' : 'other'}",outcome="${outcome}",synthetic="false"}`,
      );
    let published = 0;
    const publishTo = async (salons: readonly number[]) => {
      for (const salon of salons) await gateway.publishEvent(byHand(salon, 'connected'));
      published += salons.length;
      await waitFor(async () => (await counted('emitted')) + (await counted('no_audience')) === published, {
        what: 'every event to be counted',
      });
      // Node's own, such as the kinds of garbage collection, come up when they first happen.
      const ours = (line: string) => !/^(#|nodejs_|process_)/.test(line);
      return (await gateway.metrics())
        .split('\n')
        .filter(ours)
        .map((line) => line.replace(/}.*|(?<=^[a-z_]+) .*/, ''));
    };
    for (const salon of [21, 22, 23]) await gateway.join(salon);
    const few = await publishTo([21, 1001]);
    expect(await publishTo([21, 22, 23, ...Array.from({ length: 100 }, (_, n) => 1002 + n)])).toEqual(few);
  });
});

describe('a start', () => {
  const config = (env: Record<string, string> = {}) =>
    toConfig({
      NATS_URL: server.url,
      SOCKET_HTTP_PORT: '0',
      JWT_SECRET: 'a secret for tests of at least 32 bytes',
      ...env,
    } as unknown as Parameters<typeof toConfig>[0]);
  const silent = pino({ level: 'silent' });

  test('on a taken port is refused with the port and the variable that moves it', async () => {
    const taken = createServer().listen(0);
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    await expect(
      startSocketService(config({ SOCKET_HTTP_PORT: String(port) }), silent, undefined, { page: new Map() }),
    ).rejects.toMatchObject({
      code: 'PORT_UNAVAILABLE',
      message: expect.stringMatching(new RegExp(`${port}.*SOCKET_HTTP_PORT`)) as string,
    });
    taken.close();
  });

  test('that waits for NATS is ended by a stop, and answers health meanwhile', async () => {
    const stopping = new AbortController();
    const log: string[] = [];
    const logger = pino({ level: 'info' }, { write: (line) => void log.push(line) });
    const starting = startSocketService(config({ NATS_URL: 'nats://127.0.0.1:1' }), logger, stopping.signal, {
      page: new Map(),
    });
    const listening = await waitFor(() => log.find((line) => line.includes('"listening"')), { what: 'the port' });
    const { port } = JSON.parse(listening) as { port: number };
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(503);
    const reason = new Error('stop');
    stopping.abort(reason);
    await expect(starting).rejects.toBe(reason);
    await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow('fetch failed');
  });
});

describe('a stop', () => {
  test('sends browsers away so that they come back by themselves, and frees the port', async () => {
    const gateway = await GatewayUnderTest.start(server.url);
    opened.push(gateway);
    const browsers = [await gateway.join(SALON), await gateway.join(SALON, { transports: ['polling'] })];
    const readiness = gateway.service.readiness();
    expect(readiness.ready).toBe(true);
    const stopped = gateway.service.stop();
    expect(gateway.service.readiness().checks['service']).toBe('stopping');
    await stopped;
    for (const browser of browsers) {
      await waitFor(() => browser.disconnects[0], { what: 'the browser to notice' });
      expect(browser.socket.active).toBe(true);
    }
    await expect(fetch(`${gateway.url}/healthz`)).rejects.toThrow('fetch failed');
  });

  test('does not wait for a client that reads nothing any more', async () => {
    const gateway = await start({ limits: { closeTimeoutMs: 50 } });
    using client = await RawTransport.open(gateway.url);
    await client.join(await signToken(SALON));
    client.socket.pause();
    await gateway.service.stop();
    await expect(fetch(`${gateway.url}/healthz`)).rejects.toThrow('fetch failed');
  });

  test('is idempotent', async () => {
    const gateway = await GatewayUnderTest.start(server.url);
    opened.push(gateway);
    await Promise.all([gateway.service.stop(), gateway.service.stop()]);
    await gateway.service.stop();
  });
});
