import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import type Koa from 'koa';
import { BusConnection } from '../../shared/bus/connection.ts';
import { subscribeEvents, type EventSubscription } from '../../shared/bus/event-feed.ts';
import { readLastEvent, type StoredEvent } from '../../shared/bus/last-event.ts';
import { ensureStreams } from '../../shared/bus/streams.ts';
import type { CompanyId } from '../../shared/contract/company-id.ts';
import type { PhoneNumber } from '../../shared/contract/phone-number.ts';
import { toReadiness, type Readiness } from '../../shared/http/health.ts';
import { closeServer, listen } from '../../shared/http/listen.ts';
import { BusInstruments } from '../../shared/instruments/bus-instruments.ts';
import { requestTraced } from '../../shared/instruments/command-tracing.ts';
import { MessagingInstruments } from '../../shared/instruments/messaging-instruments.ts';
import type { Service } from '../../shared/lifecycle/run.ts';
import { readVersion } from '../../shared/lifecycle/version.ts';
import type { Logger } from '../../shared/telemetry/logger.ts';
import { createProcessMetrics, type Metrics } from '../../shared/telemetry/metrics.ts';
import { Admission } from './admission/admission.ts';
import { ClientAddresses } from './admission/client-address.ts';
import { Handshakes } from './admission/handshakes.ts';
import type { MarketplaceNamespace } from './admission/marketplace-socket.ts';
import { Origins } from './admission/origins.ts';
import { createSocketServer } from './admission/socket-server.ts';
import { TokenVerifier } from './auth.ts';
import { systemClock, type Clock } from './clock.ts';
import type { SocketConfig } from './config.ts';
import { EventFeed } from './event-feed.ts';
import { welcomeBrowsers } from './gateway.ts';
import { loadPageAssets, type PageAssets } from './http/page-assets.ts';
import { readStatus } from './http/status.ts';
import { SocketInstruments } from './instruments.ts';
import { Resync } from './resync.ts';
import { Rooms, type Room } from './rooms.ts';
import { createAdminApp, createPublicApp, type RouteParts } from './routes.ts';
import { Emitter } from './screen/emitter.ts';
import { Screen } from './screen/screen.ts';
import { ConnectionInstruments } from './telemetry/connection-instruments.ts';
import { ClockOffsetWatch } from './upstream/clock-offset-watch.ts';
import { JOIN_READS_MS } from './upstream/join.ts';
import { Liveness } from './upstream/liveness.ts';
import { SessionCommands, type BrowserCommand } from './upstream/session-commands.ts';
import { StoredState } from './upstream/stored-state.ts';

/** What a test may replace or speed up. */
export interface SocketOverrides {
  /** The live feed; a test puts a lossy one in its place. */
  readonly subscribe?: typeof subscribeEvents;
  readonly page?: PageAssets;
  readonly clock?: Clock;
  readonly joinReadsMs?: readonly number[];
  readonly auditRoundMs?: number;
  readonly flushIntervalMs?: number;
  readonly expiryGraceMs?: number;
  readonly commandRetry?: { readonly baseMs: number; readonly maxMs: number };
  readonly commandDeadlineMs?: number;
}

export interface SocketService extends Service, AsyncDisposable {
  readonly port: number;
  /** Where `/metrics` and `/readyz` are; the same as `port` unless they have one of their own. */
  readonly adminPort: number;
  readonly readiness: () => Readiness;
  readonly metrics: Metrics;
  readonly failed: Promise<never>;
}

/** Two rounds pass in less than a minute, so every room is compared within one. */
const AUDIT_ROUND_MS = 25_000;
const FLUSH_INTERVAL_MS = 2000;
const COMMAND_DEADLINE_MS = 5000;
const REPAIR_TIMEOUT_MS = 5000;
/** Tabs of one company at one gateway. */
const MAX_SOCKETS_PER_COMPANY = 100;

/**
 * Starts the gateway: health and page first, then NATS and the streams, and at last the browsers, so that nobody connects
 * before events can reach him. Waits for NATS until there is one, or `stopping` is aborted.
 * @throws StreamIncompatibleError, ListenError, or esbuild's BuildFailure for the page.
 */
export async function startSocketService(
  config: SocketConfig,
  logger: Logger,
  stopping?: AbortSignal,
  overrides: SocketOverrides = {},
): Promise<SocketService> {
  await using stack = new AsyncDisposableStack();
  const clock = overrides.clock ?? systemClock();
  const metrics = createProcessMetrics('socket', readVersion());
  const messaging = new MessagingInstruments(metrics);
  const instruments = new SocketInstruments(logger, { metrics, messaging, clock });
  const rooms = new Rooms({ now: () => clock.monotonicMs() });
  const origins = new Origins(config.allowedOrigins);
  const verifier = new TokenVerifier(config.auth);
  const page = overrides.page ?? (await loadPageAssets(join(import.meta.dirname, 'page')));
  const parts: ReadinessParts = { stopping: false };
  const readiness = () => readinessOf(parts);
  const status = (companyId: CompanyId) => readStatus(companyId, rooms, (id) => readLast(parts.bus, id));
  const routes: RouteParts = { logger, metrics, readiness, page, origins, verifier, status };
  const { http, ...ports } = await openPorts(stack, config, routes);

  const observer = new BusInstruments(logger, metrics, 'socket');
  const bus = stack.use(await BusConnection.connect({ ...config.nats, name: 'socket', observer }, stopping));
  parts.bus = bus;
  const streams = { replicas: config.streamReplicas, mayChange: false } as const;
  await ensureStreams(bus, { ...streams, ...(stopping && { signal: stopping }) });
  const repairStream = () => ensureStreams(bus, { ...streams, timeoutMs: REPAIR_TIMEOUT_MS });

  const connections = new ConnectionInstruments(logger, metrics, clock);
  const namespace = openGate(stack, http, { config, origins, verifier, rooms, clock, instruments: connections });
  const feedParts = { bus, repairStream, clock, instruments, messaging, connections, rooms, namespace, overrides };
  const feed = createFeed(stack, feedParts);
  Object.assign(parts, feed);
  await bus.flush(FLUSH_INTERVAL_MS);

  const owned = stack.move();
  const stop = async () => {
    parts.stopping = true;
    await owned.disposeAsync();
  };
  return { ...ports, readiness, metrics, failed: failureOf(bus, parts), stop, [Symbol.asyncDispose]: stop };
}

/** The page, health and metrics. Closes last, when the browsers are gone. */
async function openPorts(
  stack: AsyncDisposableStack,
  config: SocketConfig,
  routes: RouteParts,
): Promise<{ readonly http: Server; readonly port: number; readonly adminPort: number }> {
  const { logger } = routes;
  const http = serverOf(createPublicApp(routes, { inside: config.adminPort === undefined }));
  stack.defer(() => closeServer(http));
  const port = await listen(http, { port: config.httpPort, variable: 'SOCKET_HTTP_PORT', logger });
  if (config.adminPort === undefined) return { http, port, adminPort: port };
  const admin = serverOf(createAdminApp(routes));
  stack.defer(() => closeServer(admin));
  const adminPort = await listen(admin, { port: config.adminPort, variable: 'SOCKET_ADMIN_PORT', logger });
  return { http, port, adminPort };
}

function serverOf(app: Koa): Server {
  const handle = app.callback();
  // Koa answers every failure itself: this promise never rejects.
  return createServer((request, response) => void handle(request, response));
}

interface GateParts {
  readonly config: SocketConfig;
  readonly origins: Origins;
  readonly verifier: TokenVerifier;
  readonly rooms: Rooms;
  readonly clock: Clock;
  readonly instruments: ConnectionInstruments;
}

/** Lets browsers in. */
function openGate(stack: AsyncDisposableStack, http: Server, parts: GateParts): MarketplaceNamespace {
  const { config, origins, verifier, rooms, clock, instruments } = parts;
  const handshakes = new Handshakes({
    origins,
    verifier,
    rooms,
    instruments,
    addresses: new ClientAddresses(config.trustedProxies),
    admission: new Admission({ perMinute: config.connectionsPerMinute, now: () => clock.monotonicMs() }),
    maxPerCompany: MAX_SOCKETS_PER_COMPANY,
  });
  const { namespace, close } = createSocketServer(http, { origins, handshakes, instruments });
  stack.defer(close);
  instruments.watch({ rooms: () => rooms.openCount, sockets: () => namespace.sockets.values() });
  return namespace;
}

interface FeedParts {
  readonly bus: BusConnection;
  readonly repairStream: () => Promise<void>;
  readonly clock: Clock;
  readonly instruments: SocketInstruments;
  readonly messaging: MessagingInstruments;
  readonly connections: ConnectionInstruments;
  readonly rooms: Rooms;
  readonly namespace: MarketplaceNamespace;
  readonly overrides: SocketOverrides;
}

/** The way from NATS into the rooms: live, from the stream, and by asking owners. */
function createFeed(stack: AsyncDisposableStack, parts: FeedParts) {
  const { bus, repairStream, clock, instruments, messaging, rooms, namespace, overrides } = parts;
  const now = () => clock.monotonicMs();
  const emitter = new Emitter(namespace, now);
  const offset = stack.use(new ClockOffsetWatch(bus, instruments));
  const recover = (room: Room) => commands.recover(room);
  const screen = stack.use(new Screen({ emitter, now, graceMs: overrides.expiryGraceMs, onOutdated: recover }));
  const storedState = new StoredState({
    read: (companyId) => readLastEvent(bus, companyId),
    screen,
    clock,
    instruments,
    clockOffsetMs: () => offset.offsetMs,
    onUnknownAge: recover,
  });
  const deadlineMs = overrides.commandDeadlineMs ?? COMMAND_DEADLINE_MS;
  const send = (companyId: CompanyId, name: BrowserCommand, phoneNumber?: PhoneNumber) =>
    requestTraced(bus, messaging, { companyId, name, phoneNumber, deadlineMs });
  const commands: SessionCommands = stack.use(
    new SessionCommands({ send, emitter, storedState, instruments, now, retry: overrides.commandRetry }),
  );
  const { auditRoundMs = AUDIT_ROUND_MS, flushIntervalMs = FLUSH_INTERVAL_MS } = overrides;
  const resync = stack.use(
    new Resync({ rooms, storedState, instruments, repairStream, auditRoundMs, isConnected: () => bus.connected }),
  );
  stack.defer(bus.onReconnected(() => resync.request('reconnect')));
  stack.defer(bus.onSlowConsumer(() => resync.request('gap')));
  const liveness = stack.use(new Liveness({ bus, instruments, intervalMs: flushIntervalMs }));
  const { receive } = new EventFeed({ rooms, screen, clock, instruments, onGap: () => resync.request('gap') });
  const subscribe = overrides.subscribe ?? subscribeEvents;
  const subscription = stack.use(subscribe(bus, receive, (error) => instruments.feedFailed(error)));
  const readsMs = overrides.joinReadsMs ?? JOIN_READS_MS;
  welcomeBrowsers({
    namespace,
    rooms,
    emitter,
    commands,
    join: { storedState, readsMs, onFailed: () => resync.request('join') },
    clock,
    instruments: parts.connections,
  });
  return { subscription, resync, liveness };
}

/** What readiness depends on; absent parts have not been started yet. */
interface ReadinessParts {
  stopping: boolean;
  bus?: BusConnection;
  subscription?: EventSubscription;
  resync?: Resync;
  liveness?: Liveness;
}

function readinessOf({ stopping, bus, subscription, resync, liveness }: ReadinessParts): Readiness {
  const unresponsive = liveness?.alive === false ? 'does not answer' : 'ok';
  return toReadiness({
    service: stopping ? 'stopping' : 'ok',
    nats: bus?.connected ? unresponsive : 'disconnected',
    feed: subscription?.active ? 'ok' : 'not subscribed',
    resync: resync?.problem ?? 'ok',
  });
}

function readLast(bus: BusConnection | undefined, companyId: CompanyId): Promise<StoredEvent | undefined> {
  return bus ? readLastEvent(bus, companyId) : Promise.reject(new Error('NATS was not there yet'));
}

/** A connection that is closed for good never comes back: only a new process can. */
function failureOf(bus: BusConnection, parts: ReadinessParts): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  // Whoever does not wait for it is not hurt by it.
  promise.catch(() => undefined);
  bus.onClosed(() => {
    if (!parts.stopping) reject(new Error('the NATS connection is closed for good'));
  });
  return promise;
}
