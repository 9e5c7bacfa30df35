import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startSimulator, type Simulator } from '../../services/simulator/service.ts';
import { requestCommand } from '../../shared/bus/commands.ts';
import { BusConnection } from '../../shared/bus/connection.ts';
import type { CommandName, CommandReply } from '../../shared/contract/commands.ts';
import { parseCompanyId, type CompanyId } from '../../shared/contract/company-id.ts';
import { decodeEvent } from '../../shared/contract/decode-event.ts';
import { createLogger } from '../../shared/telemetry/logger.ts';
import { readStoredEvents } from '../harness/bus.ts';
import { TEST_PHONES, lidOfPhone } from '../harness/linking-system.ts';
import { startNatsServer, type NatsServer } from '../harness/nats-server.ts';
import { startPostgres, type Postgres } from '../harness/postgres.ts';
import { waitFor } from '../harness/wait-for.ts';
import { WhatsAppReplica, type HeldSession } from '../harness/whatsapp-replica.ts';

/** A fifth of the real ones, so that minutes are seconds; a loaded machine still renews several times within them. */
const LEASE = { ttlMs: 6_000, renewMs: 1_000 };
const LONG = { timeoutMs: 90_000 };

const phones = TEST_PHONES.slice(0, 10);
const salons = phones.map((_, n) => parseCompanyId(String(962_301 + n)));

const stack = new AsyncDisposableStack();
let nats: NatsServer;
let postgres: Postgres;
let simulator: Simulator;
let bus: BusConnection;
let a: WhatsAppReplica;
let b: WhatsAppReplica;
let databaseUrl: string;

beforeAll(async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'leases-'));
  stack.defer(() => rm(dataDir, { recursive: true, force: true, maxRetries: 5 }));
  nats = stack.use(await startNatsServer());
  postgres = stack.use(await startPostgres());
  databaseUrl = await postgres.createDatabase();
  const logger = createLogger({ name: 'simulator', level: 'silent' });
  const defaultPhones = phones.map((phoneNumber) => ({ phoneNumber, lid: lidOfPhone(phoneNumber) }));
  simulator = stack.use(await startSimulator({ port: 0, dataDir, logger, defaultPhones }));
  bus = stack.use(await BusConnection.connect({ servers: [nats.url], name: 'test', reconnectBaseWaitMs: 25 }));
  const env = {
    NATS_URL: nats.url,
    DATABASE_URL: databaseUrl,
    DATA_DIR: dataDir,
    WHATSAPP_URL: simulator.url,
    WHATSAPP_ROOT_KEY: simulator.rootKey.toString('base64'),
    CREDENTIALS_KEY: randomBytes(32).toString('base64'),
  };
  const replica = (name: string) => stack.use(new WhatsAppReplica(name, env, { lease: LEASE }));
  a = replica('a');
  b = replica('b');
  await Promise.all([a.start(), b.start()]);
}, 120_000);

afterAll(() => stack.disposeAsync(), 60_000);

function command(companyId: CompanyId, name: CommandName, deadlineMs = 20_000): Promise<CommandReply> {
  return requestCommand(bus, { companyId, name, deadlineMs });
}

async function link(companyId: CompanyId, phone: string): Promise<void> {
  await command(companyId, 'start');
  const qr = await waitFor(
    async () => {
      const reply = await command(companyId, 'status');
      return reply.ok && reply.event?.qr?.text;
    },
    { what: `a QR of ${companyId}`, ...LONG },
  );
  await simulator.phones.scan(phone, qr);
}

/** Resolves once the replicas together have every salon open, each in exactly one of them; answers how many each has. */
async function settled(what: string, where: (held: readonly number[]) => boolean = () => true): Promise<number[]> {
  return waitFor(
    async () => {
      const held = await Promise.all([a, b].map((replica) => replica.sessions()));
      const open = held.flat().filter(({ state }) => state === 'connected');
      const companies = new Set(open.map(({ companyId }) => companyId));
      const each = held.map((sessions) => sessions.length);
      const online = new Set(onlineDevices().map(({ phone }) => phone));
      const isWhole =
        open.length === salons.length && companies.size === salons.length && online.size === salons.length;
      return isWhole && where(each) ? each : undefined;
    },
    { what, ...LONG },
  );
}

function onlineDevices() {
  return simulator.phones.devices().filter(({ online }) => online);
}

function holderOf(held: readonly HeldSession[], companyId: CompanyId): HeldSession | undefined {
  return held.find((session) => session.companyId === companyId);
}

/** What the stream holds of the salon: who published it at which epoch. */
async function published(companyId: CompanyId) {
  const events = await readStoredEvents(bus, companyId);
  return events.map((event) => {
    const decoded = decodeEvent(companyId, event.body);
    if (!decoded.ok) throw new Error(decoded.detail);
    const { epoch = 0, seq = 0, type } = decoded.event;
    return { source: event.header('ce-source'), epoch, seq, type, storedAtMs: event.storedAtMs };
  });
}

/** Positions only ever rise, and none is there twice. */
async function expectOrder(): Promise<void> {
  for (const salon of salons) {
    const events = await published(salon);
    const positions = events.map(({ epoch, seq }) => epoch * 1e6 + seq);
    expect(positions).toEqual([...new Set(positions)].toSorted((x, y) => x - y));
  }
}

async function replacedEvents(): Promise<number> {
  const all = await Promise.all(salons.map((salon) => published(salon)));
  return all.flat().filter(({ type }) => type === 'replaced').length;
}

/** Sends one command after the other to one salon after the other until it is stopped. */
function keepAsking(): { stop(): Promise<unknown[]> } {
  const stopping = new AbortController();
  const replies: unknown[] = [];
  const run = async () => {
    for (let n = 0; !stopping.signal.aborted; n += 1) {
      const salon = salons[n % salons.length] ?? parseCompanyId('1');
      replies.push(await command(salon, 'start').catch((error: unknown) => error));
    }
  };
  const running = run();
  return {
    async stop() {
      stopping.abort();
      await running;
      return replies;
    },
  };
}

function stateIn(reply: unknown): string | undefined {
  return (reply as { event?: { state?: string } }).event?.state;
}

async function onDatabase(url: string, ...statements: readonly string[]): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

/** One life of two replicas: each test goes on where the one before has ended. */
describe('two replicas on one database', () => {
  test('each session is open in exactly one of them, and commands find it there', async () => {
    for (const [n, salon] of salons.entries()) await link(salon, phones[n] ?? '');
    await settled('ten open sessions');
    const replies = await Promise.all(salons.map((salon) => command(salon, 'status')));
    for (const reply of replies) expect(reply).toMatchObject({ ok: true, event: { state: 'connected' } });
    expect((await a.metric('whatsapp_lease_transitions_total', 'acquired')) > 0).toBe(true);
  }, 120_000);

  test('kill -9 of one: the other has its sessions once its lease has ended', async () => {
    const killedAt = performance.now();
    await a.kill();
    const each = await settled('everything to be at b');
    const tookMs = performance.now() - killedAt;
    process.stdout.write(`kill -9: the other replica had every session open after ${Math.round(tookMs)} ms\n`);
    expect(each).toEqual([0, 10]);
    for (const salon of salons) expect(await command(salon, 'status')).toMatchObject({ event: { state: 'connected' } });
    await expectOrder();
  }, 120_000);

  test('a replica that comes is given its share, slowly and without a gap in anybody', async () => {
    await a.start();
    const each = await settled('both to have their share', (held) => held.every((count) => count >= 4 && count <= 6));
    expect(each[0]).toBeGreaterThanOrEqual(4);
    expect(await replacedEvents()).toBe(0);
  }, 120_000);

  test('SIGTERM hands over within seconds, and ends with code 0', async () => {
    const stoppedAt = performance.now();
    const exit = b.stop();
    const each = await settled('everything to be at a', ([atA]) => atA === 10);
    const tookMs = performance.now() - stoppedAt;
    process.stdout.write(`SIGTERM: the other replica had every session open after ${Math.round(tookMs)} ms\n`);
    expect(each).toEqual([10, 0]);
    expect(await exit).toBe(0);
  }, 120_000);

  test('after a rolling restart of both each has 40 to 60 %', async () => {
    await b.start();
    const even = (held: readonly number[]) => held.every((count) => count >= 4 && count <= 6);
    await settled('b to have its share', even);
    const asking = keepAsking();
    for (const replica of [a, b]) {
      await replica.stop();
      await replica.start();
      await settled(`${replica.name} to have its share again`, even);
    }
    const replies = await asking.stop();
    expect(replies.length).toBeGreaterThan(10);
    // One that is just being restored has said nothing yet, or that it is on its way; nobody is ever asked to link again.
    for (const reply of replies) {
      expect(reply).toMatchObject({ ok: true });
      expect([undefined, 'starting', 'connected']).toContain(stateIn(reply));
    }
    expect(await replacedEvents()).toBe(0);
    await expectOrder();
  }, 180_000);

  test('one that stood still beyond its lease writes nothing, obeys nothing old, and stops what it held', async () => {
    const paused = await a.sessions();
    const mine = paused.map(({ companyId }) => companyId);
    const [victim] = mine;
    if (!victim) throw new Error('a holds nothing');
    a.pause();
    const staleLogout = command(victim, 'logout', 500).catch((error: unknown) => error);
    expect(await staleLogout).toMatchObject({ code: 'COMMAND_TIMEOUT' });
    const taken = await waitFor(
      async () => {
        const held = await b.sessions();
        return mine.every((salon) => holderOf(held, salon)?.state === 'connected') && held;
      },
      { what: 'everything to be at b', ...LONG },
    );
    const resumedAt = Date.now();
    a.resume();
    await waitFor(() => a.logs.some(({ msg }) => msg.startsWith('lease lost')), { what: 'a to notice', ...LONG });
    for (const { companyId, epoch } of paused) expect(holderOf(taken, companyId)?.epoch).toBeGreaterThan(epoch);

    const even = (held: readonly number[]) => held.every((count) => count >= 4 && count <= 6);
    await settled('both to have their share again', even);
    for (const { companyId, epoch } of paused) {
      const late = (await published(companyId)).filter(
        (event) => event.storedAtMs >= resumedAt && event.epoch <= epoch,
      );
      expect(late).toEqual([]);
    }
    expect(await command(victim, 'status')).toMatchObject({ event: { state: 'connected' } });
    expect(await replacedEvents()).toBe(0);
    await expectOrder();
  }, 180_000);

  test('a row that changed hands behind their backs leads to one owner, and nobody is told of a replacement', async () => {
    const [stolen] = await a.sessions();
    if (!stolen) throw new Error('a holds nothing');
    await onDatabase(
      databaseUrl,
      `UPDATE whatsapp_sessions SET epoch = epoch + 1, owner = (SELECT id FROM whatsapp_replicas WHERE name = 'b')
        WHERE company_id = '${stolen.companyId}'`,
    );
    await waitFor(
      async () => {
        const held = (await Promise.all([a.sessions(), b.sessions()])).flat();
        return (holderOf(held, stolen.companyId)?.epoch ?? 0) > stolen.epoch + 1;
      },
      { what: 'the session to be taken up again', ...LONG },
    );
    await settled('everything to be open in one place');
    expect(await replacedEvents()).toBe(0);
    await expectOrder();
  }, 120_000);

  test('a database that is away for longer than a lease stops every session, and its return brings all back', async () => {
    const before = new Map(
      (await Promise.all([a.sessions(), b.sessions()])).flat().map((held) => [held.companyId, held]),
    );
    await postgres.kill();
    await waitFor(
      async () => (await a.sessions()).length + (await b.sessions()).length === 0 && onlineDevices().length === 0,
      {
        what: 'every session to be stopped',
        ...LONG,
      },
    );
    await postgres.restart();
    await settled('everything to be open again');
    const after = (await Promise.all([a.sessions(), b.sessions()])).flat();
    for (const { companyId, epoch } of after) expect(epoch).toBeGreaterThan(before.get(companyId)?.epoch ?? Infinity);
    await expectOrder();
  }, 180_000);

  test('a database restored from an older backup goes on above every epoch of the stream', async () => {
    await Promise.all([a.stop(), b.stop()]);
    const name = new URL(databaseUrl).pathname.slice(1);
    await onDatabase(postgres.url, `CREATE DATABASE backup TEMPLATE ${name}`);
    await Promise.all([a.start(), b.start()]);
    await settled('everything to be open in the meantime');
    await Promise.all([a.stop(), b.stop()]);
    const newest = new Map(
      await Promise.all(salons.map(async (salon) => [salon, (await published(salon)).at(-1)?.epoch ?? 0] as const)),
    );
    await onDatabase(postgres.url, `DROP DATABASE ${name}`, `ALTER DATABASE backup RENAME TO ${name}`);
    await Promise.all([a.start(), b.start()]);
    await settled('everything to be open on the backup');
    for (const { companyId, epoch } of (await Promise.all([a.sessions(), b.sessions()])).flat()) {
      expect(epoch).toBeGreaterThan(newest.get(companyId) ?? Infinity);
    }
    await expectOrder();
  }, 180_000);

  test('a database that was emptied while they run ends them, and new ones begin above every epoch', async () => {
    const salon = salons[0] ?? parseCompanyId('1');
    await onDatabase(databaseUrl, 'DROP SCHEMA public CASCADE', 'CREATE SCHEMA public');
    await waitFor(() => !a.running && !b.running, { what: 'both to give up', ...LONG });
    expect(onlineDevices()).toEqual([]);
    // Until then a session may still go to the other one, to share them evenly.
    const newest = (await published(salon)).at(-1)?.epoch ?? 0;
    await a.start();
    expect(await command(salon, 'start')).toMatchObject({ ok: true, event: { epoch: newest + 1, seq: 1 } });
    await link(salon, phones[0] ?? '');
    await waitFor(async () => holderOf(await a.sessions(), salon)?.state === 'connected', {
      what: 'a new link',
      ...LONG,
    });
    await expectOrder();
  }, 120_000);
});
