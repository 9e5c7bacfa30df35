import { join } from 'node:path';
import { BusConnection } from '../../../shared/bus/connection.ts';
import { askJetStream } from '../../../shared/bus/jetstream-api.ts';
import { eventsStream } from '../../../shared/bus/stream-config.ts';
import type { TransportOptions } from '../generator/transport.ts';
import { OwnSystem } from '../system/own-system.ts';
import type { Target } from '../system/target.ts';
import type { Wire } from './flood-frames.ts';
import type { ListenerOptions } from './listener.ts';
import { startRedisServer } from './redis-server.ts';
import { startTraceReceiver } from './trace-receiver.ts';

export type VariantName = 'a' | 'b' | 'c';

/** One way from a publish to the browsers: a broker, a gateway process, and how to speak to both. */
export interface Variant {
  readonly name: VariantName;
  readonly title: string;
  readonly gatewayPid: number;
  readonly target: Target;
  readonly flood: { readonly client: ListenerOptions['kind']; readonly wire: Wire; readonly port: number };
}

export interface Variants extends AsyncDisposable {
  readonly all: readonly Variant[];
  /** Whether the stream takes the events of c as they pass, as it does until told otherwise. */
  readonly capture: (on: boolean) => Promise<void>;
  /** Why a variant is missing. */
  readonly notes: readonly string[];
}

/** Starts all of them; they stay idle while another one is measured. */
export async function startVariants(): Promise<Variants> {
  await using stack = new AsyncDisposableStack();
  const system = stack.use(await OwnSystem.start({ gateways: 0, whatsapp: false }));
  const receiver = stack.use(await startTraceReceiver());
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
    start: (name) => system.startGateway(name, { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url }),
  });
  const bus = stack.use(await BusConnection.connect({ servers: [system.nats.url], name: 'bench' }));
  const stream = eventsStream(1);
  const capture = async (on: boolean) => {
    const subjects = on ? stream.subjects : ['bench.none'];
    await askJetStream(bus, `STREAM.UPDATE.${stream.name}`, { ...stream, subjects });
  };
  const owned = stack.move();
  return {
    all: b ? [a, b, c] : [a, c],
    capture,
    notes: b ? [] : ['b is skipped: redis-server is not installed (Debian: apt-get install redis-server)'],
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

interface VariantOptions {
  readonly name: VariantName;
  readonly title: string;
  readonly client: ListenerOptions['kind'];
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
