import { createServer } from 'node:http';
import Router from '@koa/router';
import Koa from 'koa';
import { BusConnection } from '../../shared/bus/connection.ts';
import { ensureStreams, type StreamOptions } from '../../shared/bus/streams.ts';
import { addHealthRoutes, toReadiness } from '../../shared/http/health.ts';
import { errorMiddleware } from '../../shared/http/http-error.ts';
import { closeServer, listen } from '../../shared/http/listen.ts';
import { addMetricsRoute } from '../../shared/http/metrics-route.ts';
import { BusInstruments, watchRoundTrip } from '../../shared/instruments/bus-instruments.ts';
import { MessagingInstruments } from '../../shared/instruments/messaging-instruments.ts';
import type { Service } from '../../shared/lifecycle/run.ts';
import { readVersion } from '../../shared/lifecycle/version.ts';
import type { Logger } from '../../shared/telemetry/logger.ts';
import { createProcessMetrics, type Metrics } from '../../shared/telemetry/metrics.ts';
import { Canary } from './canary.ts';
import type { CanaryConfig } from './config.ts';
import { chooseIdentity } from './identity.ts';
import { CanaryInstruments } from './instruments.ts';

/** What a test may speed up. */
export interface CanaryOverrides {
  readonly intervalMs?: number;
  readonly timeoutMs?: number;
  readonly tokenRefreshMs?: number;
}

export interface CanaryService extends Service, AsyncDisposable {
  readonly port: number;
  readonly metrics: Metrics;
  readonly failed: Promise<never>;
}

const ROUND_INTERVAL_MS = 5_000;
/** The last bucket of the latency histograms: later is lost. */
const ROUND_TIMEOUT_MS = 10_000;
/** Tokens that are signed here last an hour. */
const TOKEN_REFRESH_MS = 15 * 60_000;

/**
 * Starts the canary: health first, then NATS and the rounds. Waits for NATS until there is one, or `stopping` is aborted;
 * the socket service may come later.
 * @throws CanaryTokenError, StreamIncompatibleError, ListenError.
 */
export async function startCanary(
  config: CanaryConfig,
  logger: Logger,
  stopping?: AbortSignal,
  overrides: CanaryOverrides = {},
): Promise<CanaryService> {
  await using stack = new AsyncDisposableStack();
  const metrics = createProcessMetrics('canary', readVersion());
  const instruments = new CanaryInstruments(logger, metrics);
  const identity = await chooseIdentity(config.tokens, config.replicaId);
  let bus: BusConnection | undefined;
  const app = createApp(logger, metrics, () => (bus?.connected ? 'ok' : 'disconnected'));
  const handle = app.callback();
  // Koa answers every failure itself: this promise never rejects.
  const server = createServer((request, response) => void handle(request, response));
  stack.defer(() => closeServer(server));
  const port = await listen(server, { port: config.httpPort, variable: 'CANARY_HTTP_PORT', logger });

  const observer = new BusInstruments(logger, metrics, 'canary');
  bus = stack.use(await BusConnection.connect({ ...config.nats, name: 'canary', observer }, stopping));
  stack.use(watchRoundTrip(bus, observer));
  const streams: StreamOptions = { replicas: config.streamReplicas, mayChange: false };
  await ensureStreams(bus, { ...streams, ...(stopping && { signal: stopping }) });
  const { socketUrls, replicaId } = config;
  const messaging = new MessagingInstruments(metrics);
  const times = {
    intervalMs: ROUND_INTERVAL_MS,
    timeoutMs: ROUND_TIMEOUT_MS,
    tokenRefreshMs: TOKEN_REFRESH_MS,
    ...overrides,
  };
  stack.use(new Canary({ bus, streams, identity, socketUrls, replicaId, instruments, messaging, ...times }));

  const { promise: failed, reject: fail } = Promise.withResolvers<never>();
  // Whoever does not wait for it is not hurt by it.
  failed.catch(() => undefined);
  const stopListening = bus.onClosed(() => fail(new Error('the NATS connection is closed for good')));
  const owned = stack.move();
  const stop = () => {
    stopListening();
    return owned.disposeAsync();
  };
  return { port, metrics, failed, stop, [Symbol.asyncDispose]: stop };
}

function createApp(logger: Logger, metrics: Metrics, nats: () => string): Koa {
  const router = new Router();
  addHealthRoutes(router, () => toReadiness({ nats: nats() }));
  addMetricsRoute(router, metrics.registry);
  const app = new Koa();
  app.use(errorMiddleware(logger)).use(router.routes());
  return app;
}
