import type { ConnectionObserver, ConnectionStatus } from '../../../shared/bus/connection-status.ts';
import type { Logger } from '../../../shared/telemetry/logger.ts';
import type { Metrics } from '../../../shared/telemetry/metrics.ts';

const ROLE = { role: 'socket' } as const;

/** What the NATS connection of this service does, as log lines and metrics. */
export class NatsInstruments implements ConnectionObserver {
  readonly #logger: Logger;
  readonly #connected;
  readonly #reconnects;
  readonly #disconnects;

  constructor(logger: Logger, metrics: Metrics) {
    this.#logger = logger;
    this.#connected = metrics.gauge('nats_client_connected');
    this.#reconnects = metrics.counter('nats_client_reconnects_total');
    this.#disconnects = metrics.counter('nats_client_disconnects_total');
    this.#connected.set(ROLE, 0);
  }

  onStatus(status: ConnectionStatus): void {
    switch (status.kind) {
      case 'waiting':
        this.#logger.warn({ attempt: status.attempt, err: status.error }, 'NATS is not there yet');
        break;
      case 'connected':
        this.#connected.set(ROLE, 1);
        this.#logger.info({ server: status.server }, 'connected to NATS');
        break;
      case 'reconnected':
        this.#connected.set(ROLE, 1);
        this.#reconnects.inc(ROLE);
        this.#logger.info({ server: status.server }, 'connected to NATS again');
        break;
      case 'disconnected':
        this.#connected.set(ROLE, 0);
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
        this.#connected.set(ROLE, 0);
        if (status.error === undefined) this.#logger.debug('the NATS connection is closed');
        else this.#logger.error({ err: status.error }, 'the NATS connection ended');
        break;
      case 'lame-duck':
      case 'reconnecting':
      case 'servers-changed':
        this.#logger.debug(status, 'NATS connection');
        break;
    }
  }
}
