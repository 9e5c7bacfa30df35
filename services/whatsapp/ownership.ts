import { ConfirmedPublisher } from '../../shared/bus/confirmed-publisher.ts';
import type { BusConnection } from '../../shared/bus/connection.ts';
import { readLastEvent, readLastEventFromLeader } from '../../shared/bus/last-event.ts';
import { watchStream, type StreamWatch } from '../../shared/bus/stream-watch.ts';
import type { StreamOptions } from '../../shared/bus/streams.ts';
import { WallClock } from '../../shared/lifecycle/wall-clock.ts';
import { Commands } from './commands.ts';
import type { WhatsAppConfig } from './config.ts';
import type { Instruments } from './instruments.ts';
import { EventPublisher } from './publisher.ts';
import { Reconciler } from './reconciler.ts';
import type { WhatsAppClient } from './session/companion-device.ts';
import { SessionPool } from './session/session-pool.ts';
import type { SessionStore } from './store/session-store.ts';

export interface OwnershipOverrides {
  /** Between two looks at the stream, in ms. */
  readonly streamWatchIntervalMs?: number;
  /** Between two comparisons of all sessions with the stream, in ms. */
  readonly reconcileIntervalMs?: number;
}

export interface OwnershipOptions {
  readonly config: WhatsAppConfig;
  readonly bus: BusConnection;
  readonly store: SessionStore;
  readonly client: WhatsAppClient;
  readonly instruments: Instruments;
  readonly streams: StreamOptions;
  readonly overrides: OwnershipOverrides;
}

const RESTORE_CONCURRENCY = 8;
/** How long the events of the last moments may take to be confirmed when the service stops. */
const PUBLISH_DRAIN_MS = 3_000;

/** The sessions of this replica and all that keeps the stream in step with them: pool, publisher, commands, reconciler. */
export class Ownership implements AsyncDisposable {
  readonly pool: SessionPool;
  readonly #options: OwnershipOptions;
  readonly #publisher: ConfirmedPublisher;
  readonly #commands: Commands;
  readonly #reconciler: Reconciler;
  readonly #serving = new AsyncDisposableStack();
  #streamWatch: StreamWatch | undefined;

  constructor(options: OwnershipOptions) {
    const { bus, config, instruments, overrides, store, client, streams } = options;
    this.#options = options;
    this.#publisher = new ConfirmedPublisher(bus, {
      streams,
      onRetry: () => instruments.publishRetried(),
      onQueueDepth: (depth) => instruments.queueDepth(depth),
      onStreamMissing: () => void this.#streamWatch?.check(),
    });
    // A server that is configured is the simulator, which load tests may use.
    const allowLoad = config.whatsapp.url !== undefined;
    this.#commands = new Commands({ bus, pool: () => this.pool, instruments, allowLoad });
    this.pool = new SessionPool({
      store,
      client,
      publisher: new EventPublisher({
        publisher: this.#publisher,
        instruments,
        source: `/whatsapp/${config.replicaId}`,
      }),
      instruments,
      clock: new WallClock(),
      idleMs: config.sessions.idleMs,
      maxSessions: config.sessions.max,
      restoreConcurrency: RESTORE_CONCURRENCY,
      readLastEvent: (companyId) => readLastEvent(bus, companyId),
      onHeld: ({ companyId }) => this.#commands.serve(companyId),
    });
    instruments.watchSessions(() => this.pool.all().map(({ machine }) => machine.state));
    this.#reconciler = new Reconciler({
      sessions: () => this.pool.all(),
      readLastEvent: (companyId) => readLastEvent(bus, companyId),
      readLastEventFromLeader: (companyId) => readLastEventFromLeader(bus, companyId),
      instruments,
      ...(overrides.reconcileIntervalMs !== undefined && { intervalMs: overrides.reconcileIntervalMs }),
    });
  }

  /** Takes commands and brings the sessions back, in the background; `onFailed` is told when the store does not list them. */
  start(onFailed: (error: unknown) => void): void {
    const { bus, streams, instruments, overrides } = this.#options;
    this.#serving.defer(bus.onReconnected(() => this.#reconciler.trigger('reconnect')));
    this.#streamWatch = this.#serving.use(
      watchStream(bus, {
        streams,
        onRecreated: () => this.#reconciler.trigger('stream-recreated'),
        onError: (error) => instruments.streamFailed(error),
        ...(overrides.streamWatchIntervalMs !== undefined && { intervalMs: overrides.streamWatchIntervalMs }),
      }),
    );
    this.#serving.use(this.#commands.serveAssignments());
    void this.pool.restore().then(() => this.#reconciler.trigger('boot'), onFailed);
  }

  /** No further commands, then the sessions, then what they had still to publish. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#serving.disposeAsync();
    await this.#reconciler[Symbol.asyncDispose]();
    await this.pool.stop();
    await this.#publisher.drain(PUBLISH_DRAIN_MS);
  }
}
