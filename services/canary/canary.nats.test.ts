import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { requestCommand } from '../../shared/bus/commands.ts';
import { readEnv } from '../../shared/config/env.ts';
import { parseCompanyId } from '../../shared/contract/company-id.ts';
import { createLogger } from '../../shared/telemetry/logger.ts';
import { connectBus, type WatchedBus } from '../../test/harness/bus.ts';
import { startNatsServer, type NatsServer } from '../../test/harness/nats-server.ts';
import { GatewayUnderTest, JWT_SECRET, signToken } from '../../test/harness/socket-gateway.ts';
import { waitFor as waitForWithin, type WaitOptions } from '../../test/harness/wait-for.ts';
import { toConfig, VARIABLES } from './config.ts';
import { chooseIdentity } from './identity.ts';
import { startCanary, type CanaryOverrides, type CanaryService } from './service.ts';

/** A round is loss within a second here, and a machine may be busy for longer. */
function waitFor<T>(condition: () => T | Promise<T>, options: WaitOptions) {
  return waitForWithin(condition, { timeoutMs: 30_000, ...options });
}

let nats: NatsServer;
let watched: WatchedBus;
let first: GatewayUnderTest;
let second: GatewayUnderTest;
const canaries: CanaryService[] = [];

beforeAll(async () => {
  nats = await startNatsServer();
  watched = await connectBus(nats);
});

afterAll(async () => {
  await watched[Symbol.asyncDispose]();
  await nats.stop();
});

beforeEach(async () => {
  [first, second] = await Promise.all([GatewayUnderTest.start(nats.url), GatewayUnderTest.start(nats.url)]);
});

afterEach(async () => {
  for (const canary of canaries.splice(0)) await canary.stop();
  await Promise.all([first[Symbol.asyncDispose](), second[Symbol.asyncDispose]()]);
});

/** A canary that begins a round every 50 ms, with what it logs. */
async function startFast(
  env: Record<string, string> = {},
  overrides: CanaryOverrides = {},
): Promise<{ canary: CanaryService; log: Record<string, unknown>[] }> {
  const log: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void log.push(JSON.parse(line) as Record<string, unknown>) };
  const config = toConfig(
    readEnv(VARIABLES, {
      NATS_URL: nats.url,
      CANARY_HTTP_PORT: '0',
      SOCKET_URLS: `${first.url},${second.url}`,
      JWT_SECRET,
      REPLICA_ID: 'canary-1',
      ...env,
    }),
  );
  const logger = createLogger({ name: 'canary', level: 'debug', destination });
  const canary = await startCanary(config, logger, undefined, { intervalMs: 50, timeoutMs: 20_000, ...overrides });
  canaries.push(canary);
  return { canary, log };
}

async function sample(canary: CanaryService, name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${canary.port}/metrics`)).text();
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `));
  return Number(line?.split(' ')[1] ?? 0);
}

function rounds(canary: CanaryService, result: string): Promise<number> {
  return sample(canary, `canary_messages_total{result="${result}"}`);
}

async function untilReceived(canary: CanaryService, count: number): Promise<void> {
  await waitFor(async () => (await rounds(canary, 'received')) >= count, {
    what: `${count} rounds to be received`,
  });
}

describe('the canary', () => {
  test('receives every round by NATS and on each replica, by one clock, once and in order', async () => {
    const { canary } = await startFast();
    await untilReceived(canary, 5);
    const received = await rounds(canary, 'received');
    expect(await sample(canary, 'canary_duration_seconds_count{path="nats"}')).toBeGreaterThanOrEqual(received);
    expect(await sample(canary, 'canary_duration_seconds_count{path="socket"}')).toBeGreaterThanOrEqual(2 * received);
    expect(await sample(canary, 'canary_last_success_timestamp_seconds{path="nats"}')).toBeGreaterThan(1.7e9);
    expect(await sample(canary, 'canary_last_success_timestamp_seconds{path="socket"}')).toBeGreaterThan(1.7e9);
    for (const result of ['lost', 'duplicate', 'out_of_order']) expect(await rounds(canary, result)).toBe(0);
  });

  test('is synthetic everywhere and reaches no room but its own', async () => {
    const customer = await first.join('962301');
    const { canary } = await startFast();
    await untilReceived(canary, 3);
    const metrics = await first.metrics();
    expect(metrics).toMatch(/socket_events_total\{event="connected",outcome="emitted",synthetic="true"\} [1-9]/);
    expect(metrics).not.toMatch(/^(?:socket_events_total|whatsapp_\w+)\{[^}]*synthetic="false"[^}]*\} [1-9]/m);
    // No WhatsApp service runs here, which is all that this browser is told.
    expect(customer.received.filter(({ name }) => name !== 'error')).toEqual([]);
  });

  test('counts a replica that is gone as lost rounds, and goes on when it is back', async () => {
    const gone = second;
    const { canary, log } = await startFast({}, { timeoutMs: 1000 });
    await untilReceived(canary, 3);
    await gone[Symbol.asyncDispose]();
    await waitFor(async () => (await rounds(canary, 'lost')) >= 2, { what: 'lost rounds' });
    const loss = log.find(({ msg }) => msg === 'canary round lost');
    expect(loss?.['missing']).toContain(gone.url);
    second = await GatewayUnderTest.start(nats.url, { env: { SOCKET_HTTP_PORT: String(gone.service.port) } });
    await waitFor(() => log.some(({ msg }) => msg === 'canary rounds succeed again'), {
      what: 'rounds to succeed again',
    });
  });

  test('counts an outage of NATS as lost rounds, and goes on when it is over', async () => {
    const { canary } = await startFast({}, { timeoutMs: 300 });
    await untilReceived(canary, 3);
    await nats.kill();
    await waitFor(async () => (await rounds(canary, 'lost')) >= 2, { what: 'lost rounds' });
    const before = await rounds(canary, 'received');
    await nats.restart();
    await untilReceived(canary, before + 3);
    expect(await rounds(canary, 'duplicate')).toBe(0);
    expect(await rounds(canary, 'out_of_order')).toBe(0);
  });

  test('moves to another reserved company when a second canary has the same name', async () => {
    const { canary: one, log } = await startFast();
    await untilReceived(one, 3);
    const { canary: two, log: logOfTwo } = await startFast();
    // The one with the lower epoch gives way. Both count from the second in which they began, and raise it when their
    // places are taken: which one that is depends on who came first to the stream.
    const moves = () => [...log, ...logOfTwo].filter(({ next }) => next !== undefined);
    const moved = await waitFor(() => moves()[0], { what: 'one of them to move on' });
    const identity = await chooseIdentity(
      { kind: 'secret', secret: JWT_SECRET, issuer: undefined, audience: undefined },
      'canary-1',
    );
    expect(moved).toMatchObject({ 'company.id': identity.companyId, next: identity.next().companyId });
    await untilReceived(two, 5);
    await untilReceived(one, (await rounds(one, 'received')) + 5);
    expect(moves()).toHaveLength(1);
  });

  test('starts no WhatsApp session: the gateway sends no command for its company', async () => {
    const { canary } = await startFast();
    await untilReceived(canary, 3);
    const line = first.log.find(({ command }) => command !== undefined);
    expect(line).toBeUndefined();
    await expect(
      requestCommand(watched.bus, { companyId: parseCompanyId('9000000001'), name: 'start', deadlineMs: 1000 }),
    ).rejects.toMatchObject({ code: 'NO_RESPONDER' });
  });

  test('stays connected beyond the life of its first token', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'canary-'));
    const path = join(folder, 'token');
    const endsAt = Math.floor(Date.now() / 1000) + 3;
    await writeFile(path, await signToken('9000000042', endsAt));
    const { canary, log } = await startFast({ JWT_SECRET: '', CANARY_TOKEN_FILE: path }, { tokenRefreshMs: 100 });
    await untilReceived(canary, 3);
    await writeFile(path, await signToken('9000000042'));
    await waitFor(() => Date.now() > (endsAt + 1) * 1000, { what: 'the first token to end' });
    await untilReceived(canary, (await rounds(canary, 'received')) + 3);
    expect(log.filter(({ msg }) => msg === 'disconnected from a socket replica')).toEqual([]);
    await rm(folder, { recursive: true });
  });

  test('says why it cannot connect when its tokens are refused, and counts that as loss', async () => {
    const { canary, log } = await startFast(
      { JWT_SECRET: 'another secret that no gateway here knows' },
      { timeoutMs: 300 },
    );
    const line = await waitFor(() => log.find(({ msg }) => msg === 'cannot connect to a socket replica'), {
      what: 'the refusal to be logged',
    });
    expect(line).toMatchObject({ code: 'TOKEN_INVALID' });
    await waitFor(async () => (await rounds(canary, 'lost')) >= 1, { what: 'lost rounds' });
    const socket = await sample(canary, 'canary_last_success_timestamp_seconds{path="socket"}');
    const natsPath = () => sample(canary, 'canary_last_success_timestamp_seconds{path="nats"}');
    await waitFor(async () => (await natsPath()) > socket, { what: 'success by NATS alone' });
    // What never succeeded stands at the canary's start, so that its silence is seen.
    expect(await sample(canary, 'canary_last_success_timestamp_seconds{path="socket"}')).toBe(socket);
    expect(socket).toBeGreaterThan(1.7e9);
  });
});
