import type { ConnectionObserver, ConnectionStatus } from '../bus/connection-status.ts';
import type { BusConnection } from '../bus/connection.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';

const ROUND_TRIP_INTERVAL_MS = 10_000;

/** What the NATS connection of a service does, as log lines and metrics: in the same words in every service. */
export class BusInstruments implements ConnectionObserver {
  readonly #logger: Logger;
  readonly #role: { readonly role: string };
  readonly #connected;
  readonly #roundTrip;
  readonly #reconnects;
  readonly #disconnects;

  /** @param role the service: the `role` label. */
  constructor(logger: Logger, metrics: Metrics, role: string) {
    this.#logger = logger;
    this.#role = { role };
    this.#connected = metrics.gauge('nats_client_connected');
    this.#roundTrip = metrics.gauge('nats_client_rtt_seconds');
    this.#reconnects = metrics.counter('nats_client_reconnects_total');
    this.#disconnects = metrics.counter('nats_client_disconnects_total');
    this.#connected.set(this.#role, 0);
    // Rates and alerts need the series before the first one.
    this.#reconnects.inc(this.#role, 0);
    for (const reason of ['lost', 'stale', 'forced', 'slow_consumer']) this.#disconnects.inc({ reason }, 0);
  }

  roundTrip(seconds: number): void {
    this.#roundTrip.set(this.#role, seconds);
  }

  onStatus(status: ConnectionStatus): void {
    switch (status.kind) {
      case 'waiting':
        this.#logger.warn({ attempt: status.attempt, err: status.error }, 'NATS is not there yet');
        break;
      case 'connected':
        this.#connected.set(this.#role, 1);
        this.#logger.info({ server: status.server }, 'connected to NATS');
        break;
      case 'reconnected':
        this.#connected.set(this.#role, 1);
        this.#reconnects.inc(this.#role);
        this.#logger.info({ server: status.server }, 'connected to NATS again');
        break;
      case 'disconnected':
        this.#connected.set(this.#role, 0);
        this.#disconnects.inc({ reason: status.reason });
        this.#logger.warn({ server: status.server, reason: status.reason }, 'lost the connection to NATS');
        break;
      case 'slow-consumer':
        this.#disconnects.inc({ reason: 'slow_consumer' });
        this.#logger.error('NATS dropped messages because this service reads too slowly');
        break;
      case 'error':
        this.#logger.error({ code: status.code }, `NATS refused something: ${status.message}`);
        break;
      case 'listener-failed':
        this.#logger.error({ err: status.error }, 'a listener of the NATS connection failed');
        break;
      case 'closed':
        this.#connected.set(this.#role, 0);
        if (status.error === undefined) this.#logger.debug('the NATS connection is closed');
        else this.#logger.error({ err: status.error }, 'the NATS connection ended');
        break;
      case 'lame-duck':
        this.#logger.warn(status, 'the NATS server shuts down and asks its clients to move');
        break;
      case 'reconnecting':
      case 'servers-changed':
        this.#logger.debug(status, 'NATS connection');
        break;
    }
  }
}

/** Keeps measuring the round trip to the server until disposed of. */
export function watchRoundTrip(
  bus: BusConnection,
  instruments: BusInstruments,
  intervalMs = ROUND_TRIP_INTERVAL_MS,
): Disposable {
  const measure = () => {
    // Without a connection there is nothing to measure, and the connection itself says so.
    void bus.rtt().then(
      (ms) => instruments.roundTrip(ms / 1000),
      () => undefined,
    );
  };
  measure();
  const timer = setInterval(measure, intervalMs);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
