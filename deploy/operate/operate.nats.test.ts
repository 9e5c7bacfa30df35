import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { jwtVerify } from 'jose';
import { connect, type NatsConnection } from 'nats';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { BusConnection } from '../../shared/bus/connection.ts';
import { ensureStreams } from '../../shared/bus/streams.ts';
import { startNatsServer, type NatsServer } from '../../test/harness/nats-server.ts';
import { waitFor } from '../../test/harness/wait-for.ts';
import { readOrCreateJwtSecret } from '../local/jwt-secret.ts';

type Command = ChildProcessByStdio<null, Readable, Readable>;

let server: NatsServer;
let outside: NatsConnection;
const running = new Set<Command>();

beforeAll(async () => {
  server = await startNatsServer();
  outside = await connect({ servers: server.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  await using bus = await BusConnection.connect({ servers: [server.url], name: 'test' });
  await ensureStreams(bus, { replicas: 1, mayChange: true });
});

afterEach(() => {
  for (const command of running) command.kill('SIGKILL');
  running.clear();
});

afterAll(async () => {
  await outside.close();
  await server.stop();
});

function run(name: string, args: readonly string[], env: Record<string, string> = {}): Command {
  const command = spawn(process.execPath, [join(import.meta.dirname, `${name}.ts`), ...args], {
    env: { ...process.env, NATS_URL: server.url, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(command);
  return command;
}

async function finish(name: string, args: readonly string[], env?: Record<string, string>) {
  const command = run(name, args, env);
  const exit = once(command, 'exit');
  const [stdout, stderr] = await Promise.all([text(command.stdout), text(command.stderr)]);
  const [code] = (await exit) as [number | null];
  return { code, stdout, stderr };
}

describe('emit', () => {
  const CONNECT = ['connected', '--company', '962302', '--phone', '79990000001'];

  test('publishes without headers and prints the place in the stream', async () => {
    const received = outside.subscribe('whatsapp.events.company_962302', { max: 1 });
    const { code, stdout } = await finish('emit', CONNECT);
    expect(code).toBe(0);
    const seq = Number(/stream sequence (\d+)$/.exec(stdout.trim())?.[1]);
    const manager = await outside.jetstreamManager();
    const stored = await manager.streams.getMessage('WHATSAPP_EVENTS', { seq });
    expect(stored.json()).toMatchObject({ type: 'connected', companyId: 'company_962302' });
    for await (const message of received) expect(message.headers).toBeUndefined();
  });

  test('refuses what the schema refuses, sends nothing and ends with 2', async () => {
    const before = await storedMessages();
    const { code, stderr } = await finish('emit', ['connected', '--company', '962302', '--phone', '1@lid']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^USAGE: not a valid event \(schema\)/);
    expect(await storedMessages()).toBe(before);
  });

  test('says that NATS is away instead of waiting for it', async () => {
    const { code, stderr } = await finish('emit', CONNECT, { NATS_URL: 'nats://127.0.0.1:9' });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^NATS_AWAY: no NATS answers at nats:\/\/127\.0\.0\.1:9 within 5 s/);
  });

  test('sends nothing to a NATS without the stream, although somebody listens', async () => {
    await using bare = await startNatsServer();
    const listener = await connect({ servers: bare.url });
    const received: unknown[] = [];
    listener.subscribe('whatsapp.events.*', { callback: (_error, message) => received.push(message) });
    await listener.flush();
    const { code, stderr } = await finish('emit', CONNECT, { NATS_URL: bare.url });
    await listener.flush();
    await listener.close();
    expect({ code, received }).toEqual({ code: 1, received: [] });
    expect(stderr).toMatch(/^STREAM_MISSING:/);
  });

  test('names a bad NATS_URL', async () => {
    const { code, stderr } = await finish('emit', CONNECT, { NATS_URL: 'http://x' });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^CONFIG_INVALID:[^]*NATS_URL/);
  });

  async function storedMessages(): Promise<number> {
    const manager = await outside.jetstreamManager();
    return (await manager.streams.info('WHATSAPP_EVENTS')).state.messages;
  }
});

describe('watch', () => {
  interface Watch {
    readonly command: Command;
    readonly out: string[];
    readonly said: string[];
  }

  async function watch(...args: string[]): Promise<Watch> {
    const command = run('watch', args);
    const watching: Watch = { command, out: [], said: [] };
    command.stdout.setEncoding('utf8').on('data', (chunk: string) => watching.out.push(chunk));
    command.stderr.setEncoding('utf8').on('data', (chunk: string) => watching.said.push(chunk));
    await waitFor(() => watching.said.join('').includes('watching 127.0.0.1'), { what: 'watch to be connected' });
    // The subscription follows the connect on the same connection; the first line shown proves that it is there.
    await waitFor(
      () => {
        publish('company_962302', { type: 'starting' });
        return lines(watching).length > 0;
      },
      { what: 'the first line' },
    );
    return watching;
  }

  function lines({ out }: Watch): readonly string[] {
    return out.join('').split('\n').filter(Boolean);
  }

  function publish(companyId: string, fields: object): void {
    outside.publish(`whatsapp.events.${companyId}`, JSON.stringify({ companyId, timestamp: Date.now(), ...fields }));
  }

  test('shows events, marks what is invalid, and ends with 0 at Ctrl-C', async () => {
    const watching = await watch();
    outside.publish('whatsapp.events.company_962303', 'not JSON');
    publish('company_962304', { type: 'connected', phoneNumber: '79990000001' });
    await waitFor(() => lines(watching).some((line) => line.includes('company_962304')), { what: 'the last event' });
    expect(lines(watching).find((line) => line.includes('company_962303'))).toMatch(/INVALID +json/);
    expect(lines(watching).join('\n')).not.toContain('79990000001');
    watching.command.kill('SIGINT');
    expect(await once(watching.command, 'exit')).toEqual([0, null]);
  });

  test('with --json and --company writes JSON of that company alone', async () => {
    const watching = await watch('--json', '--company', '962302');
    publish('company_1', { type: 'connected', phoneNumber: '79990000001' });
    publish('company_962302', { type: 'logged-out', reason: 'unlinked' });
    await waitFor(() => lines(watching).some((line) => line.includes('logged-out')), { what: 'the event' });
    const views = lines(watching).map((line) => JSON.parse(line) as { companyId: string });
    expect(new Set(views.map(({ companyId }) => companyId))).toEqual(new Set(['company_962302']));
  });

  test('says when the connection is lost and goes on when it is back', async () => {
    const watching = await watch();
    await server.kill();
    await waitFor(() => watching.said.join('').includes('lost'), { what: 'the loss to be told' });
    await server.restart();
    await waitFor(() => watching.said.join('').includes('again'), { what: 'the return to be told' });
    await waitFor(() => !outside.isClosed() && outside.flush().then(() => true), { what: 'the publisher to be back' });
    await waitFor(
      () => {
        publish('company_962305', { type: 'starting' });
        return lines(watching).some((line) => line.includes('company_962305'));
      },
      { what: 'an event after the return' },
    );
  });

  test('ends in order when its reader goes away', async () => {
    const { command } = await watch();
    command.stdout.destroy();
    const exit = once(command, 'exit');
    await waitFor(
      () => {
        publish('company_962302', { type: 'starting' });
        return command.exitCode !== null;
      },
      { what: 'watch to end' },
    );
    expect(await exit).toEqual([0, null]);
  });
});

describe('token', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'token-'));
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  const SECRET = 'a secret of more than thirty-two bytes';

  test('prints the token alone, signed as the marketplace signs it', async () => {
    const env = { DATA_DIR: folder, JWT_SECRET: SECRET, JWT_ISSUER: 'market', JWT_AUDIENCE: 'gateway' };
    const { code, stdout } = await finish(
      'token',
      ['--salon', 'company_962302', '--company-id', '17', '--hours', '2'],
      env,
    );
    expect(code).toBe(0);
    const { payload, protectedHeader } = await jwtVerify(stdout.trim(), new TextEncoder().encode(SECRET), {
      issuer: 'market',
      audience: 'gateway',
    });
    expect(protectedHeader.alg).toBe('HS256');
    expect(payload).toMatchObject({ salon_id: 962_302, company_id: 17 });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(7200);
  });

  test('signs with the secret that npm start has made', async () => {
    const secret = await readOrCreateJwtSecret(join(folder, 'started'));
    const env = { JWT_SECRET: '', DATA_DIR: join(folder, 'started') };
    const { stdout } = await finish('token', ['--salon', '962302'], env);
    expect((await jwtVerify(stdout.trim(), new TextEncoder().encode(secret))).payload['salon_id']).toBe(962_302);
  });

  test('makes no secret where no system was started, and says what to do', async () => {
    for (const path of [join(folder, 'empty'), '/proc/nowhere']) {
      const answer = await finish('token', ['--salon', '962302'], { JWT_SECRET: '', DATA_DIR: path });
      expect(answer).toMatchObject({ code: 1, stdout: '' });
      expect(answer.stderr).toMatch(/^JWT_SECRET_MISSING: .+ holds no secret: start the system first/);
      await expect(stat(path)).rejects.toThrow(/ENOENT/);
    }
  });

  test('refuses a secret that the gateway refuses, by the same code', async () => {
    const answer = await finish('token', ['--salon', '962302'], { JWT_SECRET: 'too short' });
    expect(answer).toMatchObject({ code: 1, stdout: '' });
    expect(answer.stderr).toMatch(/^CONFIG_INVALID: [^]*JWT_SECRET must be at least 32 bytes long/);
  });

  test('keeps every digit of a long salon id', async () => {
    const { stdout } = await finish('token', ['--salon', '9007199254740993'], { JWT_SECRET: SECRET });
    const { payload } = await jwtVerify(stdout.trim(), new TextEncoder().encode(SECRET));
    expect(payload['salon_id']).toBe('9007199254740993');
  });

  test.each([[[]], [['--salon', '0']], [['--salon', '1', '--hours', '0']], [['--salon', '1', '--nope']]])(
    'refuses %j with 2 and prints no token',
    async (args) => {
      expect(await finish('token', args, { JWT_SECRET: SECRET })).toMatchObject({ code: 2, stdout: '' });
    },
  );
});
