import { join } from 'node:path';
import type { ClientKind } from '../generator/client.ts';
import type { TransportOptions } from '../generator/transport.ts';
import { OwnSystem } from '../system/own-system.ts';
import type { Target } from '../system/target.ts';
import type { Wire } from './flood.ts';
import { startRedisServer } from './redis-server.ts';

export type VariantName = 'a' | 'b' | 'c';

/** One way from a publish to the browsers: a broker, a gateway process, and how to speak to both. */
export interface Variant {
  readonly name: VariantName;
  readonly title: string;
  readonly gatewayPid: number;
  readonly target: Target;
  readonly flood: { readonly client: ClientKind; readonly wire: Wire; readonly port: number };
}

export interface Variants extends AsyncDisposable {
  readonly all: readonly Variant[];
  /** Why a variant is missing. */
  readonly notes: readonly string[];
}

/** Starts all of them; they stay idle while another one is measured. */
export async function startVariants(): Promise<Variants> {
  await using stack = new AsyncDisposableStack();
  const system = stack.use(await OwnSystem.start({ gateways: 0, whatsapp: false }));
  const redis = await startRedisServer();
  if (redis) stack.use(redis);
  const a = await startVariant(system, {
    name: 'a',
    title: 'NATS core → raw ws',
    client: 'raw',
    transport: { kind: 'core-raw', natsUrl: system.nats.url },
    wire: 'nats-raw',
    port: system.nats.port,
    start: (name) => system.startProcess(name, [join(import.meta.dirname, 'raw-gateway.ts')]),
  });
  const b =
    redis &&
    (await startVariant(system, {
      name: 'b',
      title: 'Redis pub/sub → Socket.IO room',
      client: 'packets',
      transport: { kind: 'redis', port: redis.port },
      wire: 'redis',
      port: redis.port,
      start: (name) =>
        system.startProcess(name, [join(import.meta.dirname, 'redis-gateway.ts')], { REDIS_PORT: String(redis.port) }),
    }));
  const c = await startVariant(system, {
    name: 'c',
    title: 'this system as shipped',
    client: 'packets',
    transport: { kind: 'jetstream', natsUrl: system.nats.url },
    wire: 'nats',
    port: system.nats.port,
    start: (name) => system.startGateway(name),
  });
  const owned = stack.move();
  return {
    all: b ? [a, b, c] : [a, c],
    notes: b ? [] : ['b is skipped: redis-server is not installed (Debian: apt-get install redis-server)'],
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

interface VariantOptions {
  readonly name: VariantName;
  readonly title: string;
  readonly client: ClientKind;
  readonly transport: TransportOptions;
  readonly wire: Wire;
  readonly port: number;
  readonly start: (processName: string) => Promise<number>;
}

async function startVariant(system: OwnSystem, options: VariantOptions): Promise<Variant> {
  const { name, title, client, transport, wire, port, start } = options;
  const processName = `gateway-${name}`;
  const gatewayPort = await start(processName);
  const gatewayPid = system.pidOf(processName);
  return {
    name,
    title,
    gatewayPid,
    target: {
      gatewayUrls: [`http://127.0.0.1:${gatewayPort}`],
      transport,
      client,
      token: system.token,
      metricsUrls: [],
      watched: [{ name: 'gateway', pid: gatewayPid }],
    },
    flood: { client, wire, port },
  };
}
