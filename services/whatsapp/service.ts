import { createServer } from 'node:http';
import { serveClock } from '../../shared/bus/clock-offset.ts';
import { BusConnection } from '../../shared/bus/connection.ts';
import { servePing } from '../../shared/bus/ping.ts';
import { ensureStreams, type StreamOptions } from '../../shared/bus/streams.ts';
import { closeServer, listen } from '../../shared/http/listen.ts';
import { RateLimit, type RateLimitOptions } from '../../shared/http/rate-limit.ts';
import { watchRoundTrip } from '../../shared/instruments/bus-instruments.ts';
import type { Service } from '../../shared/lifecycle/run.ts';
import { readVersion } from '../../shared/lifecycle/version.ts';
import type { Logger } from '../../shared/telemetry/logger.ts';
import { createProcessMetrics } from '../../shared/telemetry/metrics.ts';
import type { WhatsAppConfig } from './config.ts';
import { Instruments } from './instruments.ts';
import { LeaseInstruments } from './lease-instruments.ts';
import type { Lease } from './lease.ts';
import { SEND_LIMIT } from './messages/send-limit.ts';
import { Ownership, type OwnershipOverrides } from './ownership.ts';
import { readReadiness } from './readiness.ts';
import { createApp } from './routes.ts';
import { loadClient } from './session/load-client.ts';
import type { SessionPool } from './session/session-pool.ts';
import type { SocketTimes } from './session/socket-times.ts';
import { isBaileysRejection } from './session/stray-rejections.ts';
import type { SqlDatabase } from './store/database.ts';
import type { Keyring } from './store/encryption.ts';
import { loadKeyring } from './store/load-keyring.ts';
import { migrate } from './store/migrate.ts';
import { openDatabase } from './store/open-database.ts';
import { SessionStore } from './store/session-store.ts';

export interface WhatsAppOverrides extends OwnershipOverrides {
  readonly sendLimit?: RateLimitOptions;
  /** How long a WhatsApp socket waits for what. */
  readonly socketTimes?: Partial<SocketTimes>;
  /** Where the newest version of WhatsApp Web is told. */
  readonly versionUrl?: URL;
}

export interface WhatsAppService extends Service {
  readonly port: number;
  readonly pool: SessionPool;
  readonly failed: Promise<never>;
}

/**
 * Starts the service: health first, then database, NATS and streams, and at last the sessions, which are brought back
 * in the background. Waits for NATS until there is one, or `stopping` is aborted.
 * @throws DatabaseLockedError, DatabaseUnavailableError, ConfigError, StreamIncompatibleError, ListenError.
 */
export async function startWhatsApp(
  config: WhatsAppConfig,
  logger: Logger,
  stopping?: AbortSignal,
  overrides: WhatsAppOverrides = {},
): Promise<WhatsAppService> {
  await using stack = new AsyncDisposableStack();
  const metrics = createProcessMetrics('whatsapp', readVersion());
  const instruments = new Instruments(logger, metrics);
  const { promise: failed, reject: fail } = Promise.withResolvers<never>();
  // Whoever does not wait for it is not hurt by it.
  failed.catch(() => undefined);
  stack.defer(guardRejections(instruments, fail));

  const parts: { db?: SqlDatabase; bus?: BusConnection; pool?: SessionPool; lease?: Lease; owners?: Ownership } = {};
  const app = createApp({
    logger,
    metrics,
    readiness: () => readReadiness(parts),
    sessions: () => parts.pool?.all() ?? [],
    messages: {
      session: (companyId) => parts.pool?.get(companyId),
      owner: async (companyId) => parts.owners?.readOwner(companyId),
      limit: new RateLimit(overrides.sendLimit ?? SEND_LIMIT),
      instruments,
    },
    apiKey: config.secrets.apiKey,
  });
  const handle = app.callback();
  // Koa answers every failure itself: this promise never rejects.
  const server = createServer((request, response) => void handle(request, response));
  stack.defer(() => closeServer(server));
  const port = await listen(server, { port: config.httpPort, variable: 'WHATSAPP_HTTP_PORT', logger });

  const keyring = await loadKeyring(toKeyringSource(config));
  const db = stack.use(await openStore(config, keyring, instruments));
  parts.db = db;
  const store = new SessionStore(db, keyring);
  const { socketTimes: times, versionUrl } = overrides;
  const client = await loadClient(store, { config: config.whatsapp, logger, times, versionUrl });

  const bus = stack.use(
    await BusConnection.connect({ ...config.nats, name: 'whatsapp', observer: instruments.bus }, stopping),
  );
  parts.bus = bus;
  bus.onClosed(() => fail(new Error('the NATS connection is closed for good')));
  const streams: StreamOptions = { replicas: config.streamReplicas, mayChange: true };
  await ensureStreams(bus, { ...streams, ...(stopping && { signal: stopping }) });
  stack.use(watchRoundTrip(bus, instruments.bus));
  const leaseInstruments = new LeaseInstruments(logger, metrics);
  const ownership = new Ownership({
    config,
    bus,
    db,
    store,
    client,
    instruments,
    leaseInstruments,
    streams,
    overrides,
  });
  stack.use(ownership);
  parts.owners = ownership;
  parts.pool = ownership.pool;
  parts.lease = ownership.lease;
  stack.use(servePing(bus));
  stack.use(serveClock(bus));
  await ownership.start(fail);

  const owned = stack.move();
  return { port, pool: ownership.pool, failed, stop: () => owned.disposeAsync() };
}

async function openStore(
  { databaseUrl, dataDir }: WhatsAppConfig,
  keyring: Keyring,
  instruments: Instruments,
): Promise<SqlDatabase> {
  const db = await openDatabase({
    databaseUrl,
    dataDir,
    onConnectionLost: (error) => instruments.databaseConnectionLost(error),
  });
  try {
    instruments.migrated(await migrate(db, { keyring }));
    return db;
  } catch (error) {
    await db.close();
    throw error;
  }
}

function toKeyringSource({ secrets, dataDir }: WhatsAppConfig) {
  const { credentialsKey: key, credentialsKeyFile: keyFile, credentialsKeyPreviousFile: previousKeyFile } = secrets;
  return { key, keyFile, previousKeyFile, dataDir };
}

/** Rejections out of Baileys are its own; any other is a mistake of ours, and the service stops in order. */
function guardRejections(instruments: Instruments, fail: (error: unknown) => void): () => void {
  const onRejection = (reason: unknown) => {
    if (isBaileysRejection(reason)) instruments.strayRejection(reason);
    else fail(reason);
  };
  process.on('unhandledRejection', onRejection);
  return () => void process.off('unhandledRejection', onRejection);
}
