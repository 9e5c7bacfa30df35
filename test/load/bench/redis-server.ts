import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { Redis } from 'ioredis';
import { waitFor } from '../../harness/wait-for.ts';

export interface RedisServer extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
}

/** A redis-server without persistence on a free port; `undefined` when none is installed. */
export async function startRedisServer(): Promise<RedisServer | undefined> {
  const port = await freePort();
  const child = spawn(
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
    {
      stdio: 'ignore',
    },
  );
  const failed = once(child, 'error').then(() => 'absent' as const);
  const spawned = once(child, 'spawn').then(() => 'there' as const);
  if ((await Promise.race([failed, spawned])) === 'absent' || child.pid === undefined) return undefined;
  await waitFor(() => answers(port), { what: 'redis-server' });
  return {
    port,
    pid: child.pid,
    [Symbol.asyncDispose]: async () => {
      const ended = once(child, 'exit');
      child.kill();
      await ended;
    },
  };
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
