import { connect, StorageType, type NatsConnection } from 'nats';
import { freePort, startNatsServer, type NatsServer } from './nats-server.ts';
import { waitFor } from './wait-for.ts';

/** Electing leaders on a busy machine takes a while. */
const ELECTION_TIMEOUT_MS = 60_000;

/** Three real nats-servers with JetStream in one cluster, on ports of their own. Each can be killed and restarted. */
export class NatsCluster implements AsyncDisposable {
  readonly servers: readonly NatsServer[];

  private constructor(servers: readonly NatsServer[]) {
    this.servers = servers;
  }

  static async start(): Promise<NatsCluster> {
    const ports = [await freePort(), await freePort(), await freePort()];
    const routes = ports.map((port) => `nats-route://127.0.0.1:${port}`).join(', ');
    const starting = ports.map((port, n) =>
      startNatsServer({
        config: `server_name: n${n}\ncluster { name: test, listen: "127.0.0.1:${port}", routes: [${routes}] }`,
        startTimeoutMs: ELECTION_TIMEOUT_MS,
      }),
    );
    const started = await Promise.allSettled(starting);
    const servers = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    const cluster = new NatsCluster(servers);
    try {
      for (const each of started) if (each.status === 'rejected') throw each.reason;
      await cluster.#untilStreamsCanBeMade();
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** All servers, as `NATS_URL` takes them. */
  get url(): string {
    return this.servers.map(({ url }) => url).join(',');
  }

  connect(): Promise<NatsConnection> {
    const servers = this.servers.map(({ url }) => url);
    return connect({ servers, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  }

  /** The server that leads the stream now. */
  async leaderOf(nats: NatsConnection, stream: string): Promise<NatsServer> {
    const manager = await nats.jetstreamManager();
    const name = await waitFor(async () => (await manager.streams.info(stream)).cluster?.leader, {
      what: `a leader of ${stream}`,
      timeoutMs: ELECTION_TIMEOUT_MS,
    });
    const leader = this.servers[Number(name.slice(1))];
    if (!leader) throw new Error(`${name} leads ${stream} and is none of the cluster`);
    return leader;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()));
  }

  /** Three servers answer long before they have elected who places streams. */
  async #untilStreamsCanBeMade(): Promise<void> {
    const nats = await this.connect();
    try {
      await waitFor(
        async () => {
          const manager = await nats.jetstreamManager({ timeout: 1000 });
          await manager.streams.add({
            name: 'PROBE',
            subjects: ['probe'],
            num_replicas: 3,
            storage: StorageType.Memory,
          });
          return manager.streams.delete('PROBE');
        },
        { what: 'the cluster to make a stream', timeoutMs: ELECTION_TIMEOUT_MS },
      );
    } finally {
      await nats.close();
    }
  }
}

export function startNatsCluster(): Promise<NatsCluster> {
  return NatsCluster.start();
}
