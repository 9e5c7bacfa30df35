import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { Redis } from 'ioredis';
import { waitFor } from '../../harness/wait-for.ts';

export interface RedisServer extends AsyncDisposable {
  readonly port: number;
}

/** Ends redis-server when the pipe that only this process holds is closed, however this process ends. */
const WITH_ITS_STARTER = '"$@" & read _; kill $!; wait';

/** A redis-server without persistence on a free port; `undefined` when none is installed. */
export async function startRedisServer(): Promise<RedisServer | undefined> {
  if (spawnSync('redis-server', ['--version']).status !== 0) return undefined;
  const port = await freePort();
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const shell = spawn('sh', ['-c', WITH_ITS_STARTER, 'sh', 'redis-server', ...settings], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // A Ctrl-C in the terminal must not end it before the run has.
    detached: true,
  });
  const stop = async () => {
    const ended = once(shell, 'exit');
    shell.stdin.end();
    await ended;
  };
  try {
    await waitFor(() => answers(port), { what: 'redis-server' });
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, [Symbol.asyncDispose]: stop };
}

async function answers(port: number): Promise<boolean> {
  const redis = new Redis(port, '127.0.0.1', { lazyConnect: true, retryStrategy: () => null });
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    return (await redis.ping()) === 'PONG';
  } finally {
    redis.disconnect();
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
