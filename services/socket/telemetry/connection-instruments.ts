import type { CompanyId } from '../../../shared/contract/company-id.ts';
import type { Logger } from '../../../shared/telemetry/logger.ts';
import type { Metrics } from '../../../shared/telemetry/metrics.ts';
import { Throttle } from '../../../shared/telemetry/throttle.ts';
import type { Clock } from '../clock.ts';

type Transport = 'websocket' | 'polling';

/** Why a browser is turned away, or one of its requests: the `reason` label of `socketio_rejections_total`, in lower case. */
export type RejectionCode =
  | 'ORIGIN_REFUSED'
  | 'TOO_MANY_CONNECTIONS'
  | 'COMPANY_LIMIT'
  | 'ALREADY_CONNECTED'
  | 'TOKEN_MISSING'
  | 'TOKEN_EXPIRED'
  | 'TOKEN_INVALID'
  | 'TOKEN_CLAIMS'
  | 'TOKEN_FOREIGN'
  | 'AUTH_UNAVAILABLE'
  | 'GATEWAY_FULL'
  | 'STOPPING'
  | 'TOO_MANY_REQUESTS'
  | 'UNKNOWN_NAMESPACE';

export interface ConnectionCounts {
  readonly sockets: () => Iterable<{ readonly conn: { readonly transport: { readonly name: string } } }>;
  readonly rooms: () => number;
}

const LOG_PERIOD_MS = 10_000;

/** Browsers as they come, go and are turned away. No line holds a token, an address or an origin's path. */
export class ConnectionInstruments {
  readonly #logger: Logger;
  readonly #metrics: Metrics;
  readonly #throttle: Throttle;
  readonly #connections;
  readonly #disconnections;
  readonly #rejections;

  constructor(logger: Logger, metrics: Metrics, clock: Clock) {
    this.#logger = logger;
    this.#metrics = metrics;
    this.#throttle = new Throttle(LOG_PERIOD_MS, () => clock.monotonicMs());
    this.#connections = metrics.counter('socketio_connections_total');
    this.#disconnections = metrics.counter('socketio_disconnections_total');
    this.#rejections = metrics.counter('socketio_rejections_total');
  }

  /** Counted at each scrape: a connection changes its transport while it lasts. */
  watch({ sockets, rooms }: ConnectionCounts): void {
    this.#metrics.gauge('socketio_connected_clients', (gauge) => {
      const counts = { websocket: 0, polling: 0 };
      for (const { conn } of sockets()) counts[toTransport(conn.transport.name)] += 1;
      for (const [transport, count] of Object.entries(counts)) gauge.set({ transport }, count);
    });
    this.#metrics.gauge('socketio_rooms', (gauge) => gauge.set(rooms()));
  }

  accepted(companyId: CompanyId, transport: string): void {
    this.#connections.inc({ transport: toTransport(transport) });
    this.#logger.debug({ 'company.id': companyId, transport }, 'a browser connected');
  }

  /** @param reason one of Socket.IO's own closed list, or `slow reader`. */
  ended(companyId: CompanyId, reason: string): void {
    this.#disconnections.inc({ reason: reason.replaceAll(' ', '_') });
    this.#logger.debug({ 'company.id': companyId, reason }, 'a browser disconnected');
  }

  rejected(code: RejectionCode): void {
    this.#rejections.inc({ reason: code.toLowerCase() });
    this.#throttle.run(code, (suppressed) => this.#logger.warn({ code, suppressed }, 'turned a browser away'));
  }

  /** The token stood in the address, where proxies log it. */
  legacyToken(companyId: CompanyId): void {
    this.#throttle.run('legacy token', (suppressed) => {
      this.#logger.warn(
        { 'company.id': companyId, suppressed },
        'a client sends its token in the query: move it to auth',
      );
    });
  }
}

function toTransport(name: string): Transport {
  return name === 'polling' ? 'polling' : 'websocket';
}
