import { ConfirmedPublisher } from '../../shared/bus/confirmed-publisher.ts';
import type { BusConnection } from '../../shared/bus/connection.ts';
import { subscribeCompanyEvents, type LiveMessage } from '../../shared/bus/event-feed.ts';
import { readLastEvent, readLastEventFromLeader } from '../../shared/bus/last-event.ts';
import { onLeaseSignal, signalLeases } from '../../shared/bus/lease-signal.ts';
import { MessagePublisher } from '../../shared/bus/message-publisher.ts';
import { watchStream, type StreamWatch } from '../../shared/bus/stream-watch.ts';
import type { StreamOptions } from '../../shared/bus/streams.ts';
import type { CompanyId } from '../../shared/contract/company-id.ts';
import { decodeEvent } from '../../shared/contract/decode-event.ts';
import { positionOf } from '../../shared/contract/position.ts';
import { WallClock } from '../../shared/lifecycle/wall-clock.ts';
import { Balancer } from './balancer.ts';
import { Commands } from './commands.ts';
import type { WhatsAppConfig } from './config.ts';
import type { Instruments } from './instruments.ts';
import type { LeaseInstruments } from './lease-instruments.ts';
import { Lease, type LeaseTimes } from './lease.ts';
import { MessageRelay } from './messages/message-relay.ts';
import { EventPublisher } from './publisher.ts';
import { Reconciler } from './reconciler.ts';
import type { WhatsAppClient } from './session/companion-device.ts';
import { SessionPool } from './session/session-pool.ts';
import type { SqlDatabase } from './store/database.ts';
import { LeaseStore } from './store/lease-store.ts';
import type { SessionStore } from './store/session-store.ts';
import { TakeOver } from './take-over.ts';

export interface OwnershipOverrides {
  /** Between two looks at the stream, in ms. */
  readonly streamWatchIntervalMs?: number;
  /** Between two comparisons of all sessions with the stream, in ms. */
  readonly reconcileIntervalMs?: number;
  readonly lease?: LeaseTimes;
  /** How long an unlinked session may rest while nobody watches, in ms; the configuration has minutes. */
  readonly idleMs?: number;
}

export interface OwnershipOptions {
  readonly config: WhatsAppConfig;
  readonly bus: BusConnection;
  readonly db: SqlDatabase;
  readonly store: SessionStore;
  readonly client: WhatsAppClient;
  readonly instruments: Instruments;
  readonly leaseInstruments: LeaseInstruments;
  readonly streams: StreamOptions;
  readonly overrides: OwnershipOverrides;
}

const RESTORE_CONCURRENCY = 8;
/** How long the events of the last moments may take to be confirmed when the service stops. */
const PUBLISH_DRAIN_MS = 3_000;

/**
 * The sessions of this replica and all that keeps database and stream in step with them: lease, pool, publisher, commands,
 * balancer, reconciler.
 */
export class Ownership implements AsyncDisposable {
  readonly pool: SessionPool;
  readonly lease: Lease;
  readonly #options: OwnershipOptions;
  readonly #leases: LeaseStore;
  readonly #publisher: ConfirmedPublisher;
  readonly #messagePublisher: MessagePublisher;
  readonly #commands: Commands;
  readonly #balancer: Balancer;
  readonly #reconciler: Reconciler;
  readonly #serving = new AsyncDisposableStack();
  #streamWatch: StreamWatch | undefined;
  #onFailed: (error: unknown) => void = () => {};

  constructor(options: OwnershipOptions) {
    const { bus, config, db, instruments, leaseInstruments, overrides, store, streams } = options;
    this.#options = options;
    const leases = new LeaseStore(db);
    this.#leases = leases;
    this.lease = new Lease({
      ...overrides.lease,
      store: leases,
      replicaName: config.replicaId,
      maxSessions: config.sessions.max,
      onHeld: (change) => this.#onLeaseHeld(change),
      onLost: () => this.#onLeaseLost(),
      onError: (error) => this.#onLeaseError(error),
    });
    this.#publisher = new ConfirmedPublisher(bus, {
      streams,
      onRetry: (retry) => instruments.publishRetried(retry),
      onQueueDepth: (depth) => instruments.queueDepth(depth),
      onStreamMissing: () => void this.#streamWatch?.check(),
    });
    this.#messagePublisher = new MessagePublisher(bus, { streams });
    // A server that is configured is the simulator, which load tests may use.
    const allowLoad = config.whatsapp.url !== undefined;
    this.#commands = new Commands({
      bus,
      pool: () => this.pool,
      lease: this.lease,
      readOwner: (companyId) => this.readOwner(companyId),
      instruments,
      allowLoad,
    });
    this.pool = this.#createPool(leases);
    instruments.watchSessions(() => this.pool.all().map(({ machine }) => machine.state));
    this.#reconciler = new Reconciler({
      sessions: () => this.pool.all(),
      readLastEvent: (companyId) => readLastEvent(bus, companyId),
      readLastEventFromLeader: (companyId) => readLastEventFromLeader(bus, companyId),
      instruments,
      ...(overrides.reconcileIntervalMs !== undefined && { intervalMs: overrides.reconcileIntervalMs }),
    });
    this.#balancer = new Balancer({
      lease: this.lease,
      leases,
      sessions: store,
      pool: this.pool,
      instruments: leaseInstruments,
      onSettled: () => this.#reconciler.trigger('boot'),
    });
  }

  /**
   * Begins the lease, takes commands, and brings sessions back in the background; `onFailed` is told when this process can
   * hold none any more.
   * @throws DatabaseUnavailableError
   */
  async start(onFailed: (error: unknown) => void): Promise<void> {
    const { bus, streams, instruments, overrides } = this.#options;
    this.#onFailed = onFailed;
    this.#serving.defer(bus.onReconnected(() => this.#reconciler.trigger('reconnect')));
    this.#streamWatch = this.#serving.use(
      watchStream(bus, {
        streams,
        onRecreated: () => this.#reconciler.trigger('stream-recreated'),
        onError: (error) => instruments.streamFailed(error),
        ...(overrides.streamWatchIntervalMs !== undefined && { intervalMs: overrides.streamWatchIntervalMs }),
      }),
    );
    await this.lease.start();
    this.#serving.use(onLeaseSignal(bus, () => this.#balancer.trigger('signal')));
    this.#serving.use(this.#commands.serveAssignments());
  }

  /** The name of the replica that holds the company, this one included; `undefined` when none does. */
  async readOwner(companyId: CompanyId): Promise<string | undefined> {
    return (await this.#leases.readOwner(companyId))?.name;
  }

  /** No further commands, then the sessions, which are others' from then on, then what they had still to publish. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#serving.disposeAsync();
    const balanced = this.#balancer[Symbol.asyncDispose]();
    await this.#reconciler[Symbol.asyncDispose]();
    await this.pool.stop();
    await balanced;
    await this.lease.leave();
    signalLeases(this.#options.bus);
    await Promise.all([this.#publisher.drain(PUBLISH_DRAIN_MS), this.#messagePublisher.drain(PUBLISH_DRAIN_MS)]);
  }

  #createPool(leases: LeaseStore): SessionPool {
    const { bus, config, client, instruments, leaseInstruments, overrides, store } = this.#options;
    const onGivenUp = () => signalLeases(bus);
    const clock = new WallClock();
    const source = `/whatsapp/${config.replicaId}`;
    const relay = new MessageRelay({ publisher: this.#messagePublisher, instruments, source });
    const takeOver = new TakeOver({ bus, lease: this.lease, leases, store, instruments: leaseInstruments, onGivenUp });
    return new SessionPool({
      store,
      client,
      publisher: new EventPublisher({
        publisher: this.#publisher,
        instruments,
        source,
        clock,
        mayPublish: () => this.lease.valid,
      }),
      instruments,
      clock,
      idleMs: overrides.idleMs ?? config.sessions.idleMs,
      maxSessions: config.sessions.max,
      restoreConcurrency: RESTORE_CONCURRENCY,
      takeOver: (companyId, atLeastEpoch) => takeOver.take(companyId, atLeastEpoch),
      letGo: (companyId, epoch) => takeOver.letGo(companyId, epoch),
      isOwner: (companyId) => takeOver.isOwner(companyId),
      // Never rejects.
      onMessage: (companyId, message) => void relay.relay(companyId, message),
      onHeld: ({ companyId }) => this.#serve(companyId),
    });
  }

  /** What a session's owner listens to: its commands, and what others publish in its place. */
  #serve(companyId: CompanyId): AsyncDisposable {
    const serving = new AsyncDisposableStack();
    serving.use(this.#commands.serve(companyId));
    const onMessage = (message: LiveMessage) => {
      if (!isByOwner(companyId, message)) this.#reconciler.lookAt(companyId);
    };
    serving.use(subscribeCompanyEvents(this.#options.bus, companyId, onMessage));
    return serving;
  }

  #onLeaseHeld(change: 'joined' | 'renewed'): void {
    if (change === 'joined') {
      this.#options.leaseInstruments.began(this.lease.id);
      // The others have somebody to share with.
      signalLeases(this.#options.bus);
    }
    this.#balancer.trigger(change);
  }

  async #onLeaseLost(): Promise<void> {
    this.#options.leaseInstruments.ended(this.pool.size);
    await this.pool.lose();
  }

  /** Only a new process brings the schema back. */
  #onLeaseError(error: unknown): void {
    this.#options.leaseInstruments.failed(error);
    if (error instanceof Error && 'code' in error && error.code === UNDEFINED_TABLE) this.#onFailed(error);
  }
}

/** SQLSTATE of a table that is not there: the database was emptied, or another one was put in its place. */
const UNDEFINED_TABLE = '42P01';

/** Of this owner, or of another one, between whom the stream decides: anything but an event by hand and rubbish. */
function isByOwner(companyId: CompanyId, { body }: LiveMessage): boolean {
  const decoded = decodeEvent(companyId, body);
  return decoded.ok && positionOf(decoded.event) !== undefined;
}
