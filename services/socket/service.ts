import { join } from 'node:path';
import { BusConnection } from '../../shared/bus/connection.ts';
import { readLastEvent, type StoredEvent } from '../../shared/bus/last-event.ts';
import { ping } from '../../shared/bus/ping.ts';
import { ensureStreams } from '../../shared/bus/streams.ts';
import type { CompanyId } from '../../shared/contract/company-id.ts';
import { toReadiness, type Readiness } from '../../shared/http/health.ts';
import { RateLimit } from '../../shared/http/rate-limit.ts';
import { BusInstruments } from '../../shared/instruments/bus-instruments.ts';
import { MessagingInstruments } from '../../shared/instruments/messaging-instruments.ts';
import type { Service } from '../../shared/lifecycle/run.ts';
import { readVersion } from '../../shared/lifecycle/version.ts';
import type { Logger } from '../../shared/telemetry/logger.ts';
import { createProcessMetrics, type Metrics } from '../../shared/telemetry/metrics.ts';
import { openGate, type Gate } from './admission/gate.ts';
import { Origins } from './admission/origins.ts';
import { RequestLimits } from './admission/request-limits.ts';
import { TokenVerifier } from './auth.ts';
import { systemClock, type Clock } from './clock.ts';
import type { SocketConfig } from './config.ts';
import { welcomeBrowsers } from './gateway.ts';
import { loadPageAssets, type PageAssets } from './http/page-assets.ts';
import { openPorts } from './http/ports.ts';
import { readStatus, type StatusParts } from './http/status.ts';
import { SocketInstruments } from './instruments.ts';
import type { Limits } from './limits.ts';
import { Rooms } from './rooms.ts';
import type { RouteParts } from './routes.ts';
import { Acknowledgements } from './screen/acknowledgements.ts';
import { BackPressure } from './screen/back-pressure.ts';
import { CorkedWrites } from './screen/corked-writes.ts';
import { Emitter } from './screen/emitter.ts';
import { AcknowledgementInstruments } from './telemetry/acknowledgement-instruments.ts';
import { ConnectionInstruments } from './telemetry/connection-instruments.ts';
import { createFeed, FLUSH_INTERVAL_MS, type Feed, type FeedOverrides } from './upstream/feed.ts';
import { limitParallel } from './upstream/limit-parallel.ts';

/** What a test may replace or speed up. */
export interface SocketOverrides extends FeedOverrides {
  readonly page?: PageAssets;
  readonly clock?: Clock;
  readonly limits?: Partial<Limits>;
}

export interface SocketService extends Service, AsyncDisposable {
  readonly port: number;
  /** Where `/metrics` and `/readyz` are; the same as `port` unless they have one of their own. */
  readonly adminPort: number;
  readonly readiness: () => SocketReadiness;
  readonly metrics: Metrics;
  readonly failed: Promise<never>;
}

/** As `GET /readyz` answers it. */
export interface SocketReadiness extends Readiness {
  /** How far the live feed is behind NATS, in ms; null before there is one. */
  readonly lagMs: number | null;
}

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
  const limits = { ...config.limits, ...overrides.limits };
  const metrics = createProcessMetrics('socket', readVersion());
  const messaging = new MessagingInstruments(metrics);
  const instruments = new SocketInstruments(logger, { metrics, messaging, clock });
  const { maxEmptyRooms: maxEmpty, emptyRoomMs: forgetAfterMs } = limits;
  const rooms = new Rooms({ now: () => clock.monotonicMs(), maxEmpty, forgetAfterMs });
  const origins = new Origins(config.allowedOrigins);
  const verifier = new TokenVerifier(config.auth);
  const page = overrides.page ?? (await loadPageAssets(join(import.meta.dirname, 'page')));
  const parts: ReadinessParts = { stopping: false };
  const status = statusPartsOf(parts, rooms, limits);
  const readiness = () => readinessOf(parts);
  const connections = new ConnectionInstruments(logger, metrics, clock);
  const routes: RouteParts = {
    logger,
    metrics,
    readiness,
    page,
    origins,
    verifier,
    status: (companyId) => readStatus(companyId, status),
    statusLimit: new RateLimit({ burst: limits.statusBurst, perMinute: limits.statusPerMinute }),
    onStatusRefused: () => connections.rejected('TOO_MANY_REQUESTS'),
    ping: () => (parts.bus ? ping(parts.bus) : Promise.reject(new NotStartedError())),
  };
  const { http, ...ports } = await openPorts(stack, config, { routes, limits });

  const observer = new BusInstruments(logger, metrics, 'socket');
  const bus = stack.use(await BusConnection.connect({ ...config.nats, name: 'socket', observer }, stopping));
  parts.bus = bus;
  const streams = { replicas: config.streamReplicas, mayChange: false } as const;
  await ensureStreams(bus, { ...streams, ...(stopping && { signal: stopping }) });

  const gate = openGate(stack, http, { config, limits, origins, verifier, rooms, clock, instruments: connections });
  const acknowledging = new AcknowledgementInstruments(logger, metrics);
  const shown = createScreenParts(stack, { gate, limits, clock, instruments: acknowledging });
  const feedParts = { bus, streams, clock, instruments, messaging, rooms, limits, overrides };
  const feed = createFeed(stack, { ...feedParts, ...shown });
  Object.assign(parts, feed);
  welcomeBrowsers(stack, {
    ...shown,
    ...feed,
    ...gate,
    rooms,
    limits: new RequestLimits({
      perViewer: limits.requestsPerMinute,
      perCompany: limits.companyRequestsPerMinute,
      now: () => clock.monotonicMs(),
    }),
    clock,
    instruments: connections,
  });
  await bus.flush(FLUSH_INTERVAL_MS);

  const owned = stack.move();
  const end = async () => {
    parts.stopping = true;
    await gate.clear();
    await owned.disposeAsync();
  };
  let ending: Promise<void> | undefined;
  const stop = () => (ending ??= end());
  return { ...ports, readiness, metrics, failed: failureOf(bus, parts), stop, [Symbol.asyncDispose]: stop };
}

interface ScreenParts {
  readonly gate: Gate;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly instruments: AcknowledgementInstruments;
}

/** The way from the rooms to the browsers. */
function createScreenParts(stack: AsyncDisposableStack, { gate, limits, clock, instruments }: ScreenParts) {
  const { namespace } = gate;
  const now = () => clock.monotonicMs();
  const { acknowledgeTimeoutMs: timeoutMs, acknowledgeRetries: retries, maxBufferedBytes } = limits;
  const acknowledgements = stack.use(new Acknowledgements({ namespace, instruments, now, timeoutMs, retries }));
  const backPressure = stack.use(new BackPressure({ namespace, maxBufferedBytes }));
  const writes = new CorkedWrites(() => clock.wallMicros());
  const emitter = new Emitter({ namespace, acknowledgements, writes, now });
  return { acknowledgements, backPressure, writes, emitter };
}

/** What readiness and the status depend on; absent parts have not been started yet. */
interface ReadinessParts extends Partial<Pick<Feed, 'subscription' | 'resync' | 'liveness' | 'streamCreatedAtMs'>> {
  stopping: boolean;
  bus?: BusConnection;
}

function readinessOf({ stopping, bus, subscription, resync, liveness }: ReadinessParts): SocketReadiness {
  const unresponsive = liveness?.alive === false ? 'does not answer' : 'ok';
  const readiness = toReadiness({
    service: stopping ? 'stopping' : 'ok',
    nats: bus?.connected ? unresponsive : 'disconnected',
    feed: subscription?.active ? 'ok' : 'not subscribed',
    resync: resync?.problem ?? 'ok',
  });
  return { ...readiness, lagMs: liveness ? Math.round(liveness.lagMs * 1000) / 1000 : null };
}

/** NATS has not been there yet. */
class NotStartedError extends Error {
  readonly code = 'BUS_NOT_CONNECTED';

  constructor() {
    super('NATS was not there yet');
    this.name = 'NotStartedError';
  }

  shouldRetry(): boolean {
    return true;
  }
}

function statusPartsOf(parts: ReadinessParts, rooms: Rooms, { maxParallelReads }: Limits): StatusParts {
  const read = limitParallel(maxParallelReads, (companyId: CompanyId) => readLast(parts.bus, companyId));
  return { rooms, read, streamCreatedAtMs: () => parts.streamCreatedAtMs?.() };
}

function readLast(bus: BusConnection | undefined, companyId: CompanyId): Promise<StoredEvent | undefined> {
  return bus ? readLastEvent(bus, companyId) : Promise.reject(new NotStartedError());
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
