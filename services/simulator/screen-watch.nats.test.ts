import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'nats';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BusConnection } from '../../shared/bus/connection.ts';
import { ensureStreams } from '../../shared/bus/streams.ts';
import { startNatsServer } from '../../test/harness/nats-server.ts';
import { ANNA, BORIS, SimulatedWhatsApp } from '../../test/harness/simulated-whatsapp.ts';
import { waitFor } from '../../test/harness/wait-for.ts';
import { startSimulator, type Simulator } from './service.ts';

let dataDir: string;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'simulator-'));
});

afterEach(async () => {
  await rm(dataDir, { recursive: true });
});

function start(servers: readonly string[]): Promise<Simulator> {
  return startSimulator({ port: 0, dataDir, logger: pino({ level: 'silent' }), nats: { servers } });
}

async function screensOf(simulator: Simulator): Promise<unknown> {
  return (await fetch(`${simulator.httpUrl}/screens`)).json();
}

async function publish(url: string, companyId: string, event: object): Promise<void> {
  const connection = await connect({ servers: url });
  const body = JSON.stringify({ companyId, timestamp: Date.now(), ...event });
  connection.publish(`whatsapp.events.${companyId}`, body);
  await connection.drain();
}

async function show(url: string, companyId: string, text: string): Promise<void> {
  await publish(url, companyId, { type: 'qr', qr: { text, expiresAt: Date.now() + 60_000, ttlMs: 60_000 } });
}

/** Live delivery has no memory: the event is published until the simulator listens. */
async function seen(simulator: Simulator, url: string, companyId: string): Promise<unknown> {
  return waitFor(
    async () => {
      await show(url, companyId, 'QR');
      const screens = (await screensOf(simulator)) as { companyId: string }[];
      return screens.find((screen) => screen.companyId === companyId);
    },
    { what: `the screen of ${companyId}` },
  );
}

test('the phones see the QR that a salon shows, also after NATS was away', async () => {
  await using nats = await startNatsServer();
  await using simulator = await start([nats.url]);
  expect(await seen(simulator, nats.url, 'company_1')).toMatchObject({ companyId: 'company_1', qr: 'QR' });
  await nats.restart();
  expect(await seen(simulator, nats.url, 'company_2')).toMatchObject({ companyId: 'company_2', qr: 'QR' });
});

test('without a NATS server the simulator starts, works and stops; when one appears it is used', async () => {
  const first = await startNatsServer();
  const { url, port } = first;
  await first.stop();
  await using simulator = await start([url]);
  expect(await screensOf(simulator)).toEqual([]);
  expect(simulator.phones.list()).toHaveLength(3);
  await using nats = await startNatsServer({ port });
  await seen(simulator, nats.url, 'company_1');
});

test('a simulator that still waits for NATS stops at once', async () => {
  const first = await startNatsServer();
  await first.stop();
  const simulator = await start([first.url]);
  await simulator.stop();
});

describe('a company’s scenario', () => {
  const COMPANY = 'company_7';

  async function setUp() {
    const nats = await startNatsServer();
    await using bus = await BusConnection.connect({ servers: [nats.url], name: 'test' });
    await ensureStreams(bus, { replicas: 1, mayChange: true });
    const whatsApp = await SimulatedWhatsApp.start({ nats: { servers: [nats.url] } });
    const stack = new AsyncDisposableStack();
    stack.use(nats);
    stack.use(whatsApp);
    return { nats, whatsApp, stack };
  }

  const select = (whatsApp: SimulatedWhatsApp, name: string, params = {}) =>
    whatsApp.simulator.scenarios.select({ scope: { company: COMPANY }, name, params });

  test('reaches the client whose QR the company shows, and no other', async () => {
    const { nats, whatsApp, stack } = await setUp();
    await using _ = stack;
    const [own, other] = [whatsApp.connect(), whatsApp.connect()];
    const [qr] = [await own.qr(), await other.qr()];
    select(whatsApp, 'registration-refused', { reason: 405 });
    await show(nats.url, COMPANY, qr);
    expect(await own.closed()).toMatchObject({ status: 405 });
    await whatsApp.simulator.phones.scan(ANNA, other.qrs[0] ?? '');
  });

  test('reaches the device that was linked by that QR, and after a restart the one that the company says it is', async () => {
    const { nats, whatsApp, stack } = await setUp();
    await using _ = stack;
    const client = whatsApp.connect();
    const qr = await client.qr();
    await show(nats.url, COMPANY, qr);
    await waitFor(async () => ((await screensOf(whatsApp.simulator)) as unknown[]).length === 1, {
      what: 'the screen',
    });
    await whatsApp.simulator.phones.scan(ANNA, qr);
    await client.closed();
    select(whatsApp, 'forbidden');
    const other = await whatsApp.link(BORIS);
    expect(await whatsApp.connect({ auth: client.auth }).closed()).toMatchObject({ status: 403 });
    await whatsApp.logIn(other);

    await publish(nats.url, COMPANY, { type: 'connected', phoneNumber: ANNA });
    await whatsApp.restart({ nats: { servers: [nats.url] } });
    select(whatsApp, 'unavailable');
    const ending = await waitFor(
      async () => {
        const back = whatsApp.connect({ auth: client.auth });
        const status = await back.opened().then(
          () => 'open',
          (error: Error) => error.message,
        );
        return status === 'closed with 503' && 503;
      },
      { what: 'the company to be known again' },
    );
    expect(ending).toBe(503);
  });

  test('is refused while another company on the same phone cannot be told from it, and hits neither', async () => {
    const { nats, whatsApp, stack } = await setUp();
    await using _ = stack;
    const other = await whatsApp.link(ANNA);
    select(whatsApp, 'forbidden');
    for (const company of [COMPANY, 'company_8']) {
      await publish(nats.url, company, { type: 'connected', phoneNumber: ANNA });
    }
    const refusal = () => {
      try {
        select(whatsApp, 'forbidden');
        return undefined;
      } catch (error) {
        return error;
      }
    };
    expect(await waitFor(refusal, { what: 'both companies to be known' })).toMatchObject({
      code: 'SCENARIO_COMPANY_AMBIGUOUS',
      message: expect.stringContaining('company_8') as unknown,
    });
    await whatsApp.logIn(other);
    await publish(nats.url, 'company_8', { type: 'logged-out', phoneNumber: ANNA });
    await waitFor(() => refusal() === undefined, { what: 'the company to be alone with the phone' });
  });
});

test('a simulator that starts later shows what the salons show already, and not what has expired', async () => {
  await using nats = await startNatsServer();
  await using bus = await BusConnection.connect({ servers: [nats.url], name: 'test' });
  await ensureStreams(bus, { replicas: 1, mayChange: true });
  await show(nats.url, 'company_1', 'QR 1');
  await publish(nats.url, 'company_2', { type: 'qr', qr: { text: 'QR 2', expiresAt: Date.now() - 1, ttlMs: 20_000 } });
  const code = { text: 'ABCD1234', phoneNumber: ANNA, expiresAt: Date.now() + 60_000, ttlMs: 60_000 };
  await publish(nats.url, 'company_3', { type: 'pairing-code', code });
  await publish(nats.url, 'company_4', { type: 'linked' });
  await using simulator = await start([nats.url]);
  const screens = await waitFor(
    async () => {
      const current = (await screensOf(simulator)) as { companyId: string }[];
      return current.length === 2 && current;
    },
    { what: 'both screens' },
  );
  expect(screens.toSorted((a, b) => a.companyId.localeCompare(b.companyId))).toMatchObject([
    { companyId: 'company_1', qr: 'QR 1' },
    { companyId: 'company_3', code: { text: 'ABCD1234', phoneNumber: ANNA } },
  ]);
});
