import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'nats';
import pino from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startNatsServer } from '../../test/harness/nats-server.ts';
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

async function show(url: string, companyId: string, text: string): Promise<void> {
  const expiresAt = Date.now() + 60_000;
  const qr = { text, expiresAt, ttlMs: 60_000 };
  const connection = await connect({ servers: url });
  connection.publish(
    `whatsapp.events.${companyId}`,
    JSON.stringify({ type: 'qr', companyId, timestamp: Date.now(), qr }),
  );
  await connection.drain();
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
