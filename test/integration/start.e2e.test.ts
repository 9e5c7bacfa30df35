import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { choosePort } from '../../deploy/local/ports.ts';
import { waitFor } from '../harness/wait-for.ts';

const START = join(import.meta.dirname, '..', '..', 'deploy', 'local', 'start.ts');
const PORTS = ['SOCKET_HTTP_PORT', 'WHATSAPP_HTTP_PORT', 'SIMULATOR_PORT', 'CANARY_HTTP_PORT', 'NATS_PORT'] as const;

interface Start {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  readonly output: () => string;
  readonly exit: Promise<readonly [code: number | null, signal: NodeJS.Signals | null]>;
}

let dataDir: string;
let ports: Record<string, string>;
const starts: Start[] = [];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'start-'));
  const chosen = await Promise.all(
    PORTS.map(async (name) => [name, String(await choosePort({ port: 0, variable: name }))]),
  );
  ports = Object.fromEntries(chosen) as Record<string, string>;
});

afterEach(async () => {
  for (const { child, exit } of starts.splice(0)) {
    child.kill('SIGTERM');
    await exit;
  }
  await waitFor(async () => (await freePorts()).length === PORTS.length, {
    what: 'all ports to be free',
    timeoutMs: 60_000,
  });
  await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
});

function start(env: Record<string, string> = {}): Start {
  const child = spawn(process.execPath, [START], {
    env: { ...process.env, ...ports, DATA_DIR: dataDir, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const chunks: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => chunks.push(text));
  const exit = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  const started = { child, output: () => chunks.join(''), exit };
  starts.push(started);
  return started;
}

async function untilReady(started: Start): Promise<void> {
  await waitFor(() => started.output().includes('Ctrl-C stops everything'), { what: 'npm start', timeoutMs: 120_000 });
}

/** The ports that can be opened now: processes that were left behind hold theirs. */
async function freePorts(): Promise<readonly string[]> {
  const free = await Promise.all(
    PORTS.map((variable) =>
      choosePort({
        port: Number(ports[variable]),
        variable,
        ...(variable === 'NATS_PORT' && { host: '127.0.0.1' }),
      }).then(
        () => [variable],
        () => [],
      ),
    ),
  );
  return free.flat();
}

describe('npm start', () => {
  test('announces each process and what to open, and leaves nothing behind', async () => {
    const started = start();
    await untilReady(started);
    for (const name of ['nats', 'simulator', 'whatsapp', 'socket', 'canary']) {
      expect(started.output()).toMatch(new RegExp(`^${name} +ready on port \\d+`, 'm'));
    }
    const page = /onboarding page +(\S+)/.exec(started.output())?.[1] ?? '';
    expect(page).toMatch(/#token=ey/);
    expect((await fetch(page)).status).toBe(200);
    for (const url of /metrics +(\S+) +(\S+) +(\S+)/.exec(started.output())?.slice(1) ?? []) {
      expect((await fetch(url)).status).toBe(200);
    }
    started.child.kill('SIGINT');
    expect(await started.exit).toEqual([0, null]);
    expect(await freePorts()).toEqual([...PORTS]);
    expect(await readFile(join(dataDir, 'logs', 'socket.log'), 'utf8')).toContain('"msg":"stopped"');
  });

  test('ends in order when it is stopped while starting', async () => {
    const started = start();
    await waitFor(() => started.output().includes('ready on port'), { what: 'the first process', timeoutMs: 60_000 });
    started.child.kill('SIGTERM');
    expect(await started.exit).toEqual([0, null]);
    expect(await freePorts()).toEqual([...PORTS]);
  });

  test('names a taken port and its variable, and starts nothing', async () => {
    await using blocker = createServer().listen(Number(ports['SOCKET_HTTP_PORT']));
    await once(blocker, 'listening');
    const started = start();
    expect(await started.exit).toEqual([1, null]);
    expect(started.output()).toBe(`port ${ports['SOCKET_HTTP_PORT']} is taken; set SOCKET_HTTP_PORT to another one\n`);
  });

  test('refuses a folder that another one uses, and leaves that one alone', async () => {
    const first = start();
    await waitFor(() => first.output().includes('ready on port'), { what: 'the first process', timeoutMs: 60_000 });
    const second = start({
      SOCKET_HTTP_PORT: '0',
      WHATSAPP_HTTP_PORT: '0',
      SIMULATOR_PORT: '0',
      CANARY_HTTP_PORT: '0',
      NATS_PORT: '0',
    });
    expect(await second.exit).toEqual([1, null]);
    expect(second.output()).toContain(`another npm start (process ${first.child.pid})`);
    expect(first.child.exitCode).toBeNull();
  });

  test('names the bad variables of every process once, and starts nothing', async () => {
    const bad = { JWT_SECRET: 'too short', LOG_LEVEL: 'loud', MAX_SESSIONS: '0', SOCKET_URLS: 'ftp://x' };
    const started = start(bad);
    expect(await started.exit).toEqual([1, null]);
    const faults = started
      .output()
      .split('\n')
      .filter((line) => line.startsWith('  - '));
    expect(faults).toHaveLength(4);
    expect(new Set(faults.map((line) => line.slice(4).split(' ')[0]))).toEqual(new Set(Object.keys(bad)));
    expect(started.output()).toMatch(/^invalid configuration:\n/);
    await expect(readdir(join(dataDir, 'logs'))).rejects.toThrow(/ENOENT/);
  });

  test('names a folder where nothing can be kept, and ends', async () => {
    const started = start({ DATA_DIR: '/proc/nowhere' });
    expect(await started.exit).toEqual([1, null]);
    expect(started.output()).toMatch(/^\/proc\/nowhere cannot be used: .+; DATA_DIR must be a folder[^\n]*\n$/);
  });

  test('says once why a process cannot start, and stops the others', async () => {
    const started = start({ CREDENTIALS_KEY_FILE: join(dataDir, 'nowhere') });
    expect(await started.exit).toEqual([1, null]);
    expect(started.output()).toContain('whatsapp ended with exit code 1');
    expect(started.output().match(/nowhere cannot be read/g)).toHaveLength(1);
    expect(await freePorts()).toEqual([...PORTS]);
  });

  test('brings a process back that was killed', async () => {
    const started = start();
    await untilReady(started);
    const log = await readFile(join(dataDir, 'logs', 'nats.log'), 'utf8');
    process.kill(Number(/^\[(\d+)\]/.exec(log)?.[1]), 'SIGKILL');
    await waitFor(() => /^nats +ready again$/m.test(started.output()), { what: 'nats to be back', timeoutMs: 30_000 });
    expect(started.output()).toContain('nats was ended by SIGKILL; it comes back in 1 s');
  });

  test('leaves no process behind when it is killed itself, and the next one continues on the same data', async () => {
    const killed = start();
    await untilReady(killed);
    killed.child.kill('SIGKILL');
    await killed.exit;
    const next = start();
    await untilReady(next);
    next.child.kill('SIGTERM');
    expect(await next.exit).toEqual([0, null]);
  });
});
