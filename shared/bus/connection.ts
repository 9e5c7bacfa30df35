import { setTimeout as sleep } from 'node:timers/promises';
import { connect, ErrorCode, NatsError, type ConnectionOptions, type NatsConnection } from 'nats';
import { backoffMs } from '../lifecycle/backoff.ts';
import { BusError, toBusError } from './bus-error.ts';
import { StatusTranslator, type ConnectionObserver, type ConnectionStatus } from './connection-status.ts';
import { BusConfigError, readAccess, type AccessOptions } from './credentials.ts';
import { Listeners } from './listeners.ts';
import { bindNats, natsOf } from './nats-connection.ts';

export interface BusConnectionOptions extends AccessOptions {
  /** The service, as the server's monitoring shows it. Replies come to `_INBOX_<name>.>`, so permissions can tell services apart. */
  readonly name: string;
  readonly observer?: ConnectionObserver;
  /** Wait before each attempt to reconnect, in ms; up to as much again is added at random. Default 250. */
  readonly reconnectBaseWaitMs?: number;
  /** How long one attempt to connect may take, in ms. Default 5,000. */
  readonly connectTimeoutMs?: number;
  /** A dead link is noticed after twice this, in ms. Default 10,000. */
  readonly pingIntervalMs?: number;
}

/** How long a drain may take before the connection is closed anyway: unanswered it would never end. */
const DRAIN_TIMEOUT_MS = 5_000;
const RTT_TIMEOUT_MS = 5_000;
/** The longest wait between two attempts to connect for the first time. */
const FIRST_CONNECT_MAX_WAIT_MS = 2_000;

/**
 * A connection to NATS that comes back by itself, for ever, until it is drained. What is sent while there is none is
 * refused, never buffered: the client library forgets its buffer at every dial.
 */
export class BusConnection implements AsyncDisposable {
  readonly #observer: ConnectionObserver | undefined;
  readonly #reconnected: Listeners;
  readonly #disconnected: Listeners;
  readonly #slowConsumer: Listeners;
  readonly #closed: Listeners;
  #state: 'connected' | 'disconnected' | 'closed' = 'connected';
  #draining: Promise<void> | undefined;

  private constructor(connection: NatsConnection, { name, observer }: BusConnectionOptions) {
    bindNats(this, connection, inboxPrefix(name));
    this.#observer = observer;
    const onError = (error: unknown) => this.reportListenerFailure(error);
    this.#reconnected = new Listeners(onError);
    this.#disconnected = new Listeners(onError);
    this.#slowConsumer = new Listeners(onError);
    this.#closed = new Listeners(onError);
  }

  /**
   * Waits until a server is there, for ever; each failed attempt is a `waiting` status.
   * @throws BusConfigError when a file is unusable or the server refuses the credentials or the encryption.
   * @throws the signal's reason when aborted.
   */
  static async connect(options: BusConnectionOptions, signal?: AbortSignal): Promise<BusConnection> {
    const { observer, reconnectBaseWaitMs: baseMs = 250 } = options;
    const client = await toClientOptions(options);
    // The library's own waiting for the first server could neither be aborted nor watched.
    for (let attempt = 0; ; attempt += 1) {
      signal?.throwIfAborted();
      try {
        const bus = new BusConnection(await connectOnce(client, signal), options);
        bus.#watch();
        return bus;
      } catch (error) {
        signal?.throwIfAborted();
        throwIfFinal(error);
        observer?.onStatus({ kind: 'waiting', attempt: attempt + 1, error: toBusError(error, 'connect') });
      }
      const wait = backoffMs(attempt, { baseMs, maxMs: FIRST_CONNECT_MAX_WAIT_MS });
      // An abort ends the wait, and the loop with the signal's own reason.
      await sleep(wait, undefined, { ...(signal && { signal }) }).catch(() => undefined);
    }
  }

  get connected(): boolean {
    return this.#state === 'connected';
  }

  /** True once drained or given up: nothing works any more. */
  get closed(): boolean {
    return this.#state === 'closed';
  }

  /**
   * Resolves as soon as there is a connection.
   * @throws BusError `BUS_CLOSED` when it does not come back, the signal's reason when aborted.
   */
  untilConnected(signal: AbortSignal): Promise<void> {
    if (this.connected) return Promise.resolve();
    if (this.closed) return Promise.reject(new BusError('BUS_CLOSED', 'the connection is closed'));
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = () => reject(signal.reason as Error);
    const stopListening = [
      this.onReconnected(resolve),
      this.onClosed(() => reject(new BusError('BUS_CLOSED', 'the connection is closed'))),
      () => signal.removeEventListener('abort', abort),
    ];
    signal.addEventListener('abort', abort, { once: true });
    return promise.finally(() => {
      for (const stop of stopListening) stop();
    });
  }

  /** The server that this connection stands on, as `host:port`. */
  get server(): string {
    return natsOf(this).getServer();
  }

  /** Called when connected again with all subscriptions in place; what was published meanwhile has been missed. Answers how to stop listening. */
  onReconnected(listener: () => void): () => void {
    return this.#reconnected.add(listener);
  }

  onDisconnected(listener: () => void): () => void {
    return this.#disconnected.add(listener);
  }

  /** Called when the server says that this client reads too slowly; messages may be missing although it stays connected. */
  onSlowConsumer(listener: () => void): () => void {
    return this.#slowConsumer.add(listener);
  }

  onClosed(listener: () => void): () => void {
    return this.#closed.add(listener);
  }

  /**
   * The round trip to the server in ms.
   * @throws BusError when there is no connection or no answer within 5 s.
   */
  async rtt(): Promise<number> {
    const start = performance.now();
    if (!(await this.flush(RTT_TIMEOUT_MS))) throw new BusError('BUS_TIMEOUT', 'rtt: no answer from the server');
    return performance.now() - start;
  }

  /** Whether the server answered within the time, and so has read everything that was sent before. Never rejects. */
  async flush(timeoutMs: number): Promise<boolean> {
    if (!this.connected) return false;
    const timer = new AbortController();
    const answered = natsOf(this)
      .flush()
      .then(
        () => true,
        () => false,
      );
    const late = sleep(timeoutMs, false, { signal: timer.signal }).catch(() => false);
    try {
      return await Promise.race([answered, late]);
    } finally {
      timer.abort();
    }
  }

  /** Drops the socket and connects anew; does nothing while disconnected. */
  async forceReconnect(): Promise<void> {
    if (this.connected) await natsOf(this).reconnect();
  }

  /** Delivers what has arrived, sends what is waiting, closes. Idempotent; ends within 5 s even when the server is gone. */
  drain(): Promise<void> {
    this.#draining ??= this.#drain();
    return this.#draining;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.drain();
  }

  async #drain(): Promise<void> {
    const connection = natsOf(this);
    if (this.connected) {
      const timer = new AbortController();
      const late = sleep(DRAIN_TIMEOUT_MS, undefined, { signal: timer.signal }).catch(() => undefined);
      // Rejects only when already closed, which is what is wanted.
      await Promise.race([connection.drain().catch(() => undefined), late]);
      timer.abort();
    }
    await connection.close();
    this.#end(undefined);
  }

  #watch(): void {
    const connection = natsOf(this);
    this.#report({ kind: 'connected', server: connection.getServer() });
    void this.#followStatus(connection);
    void connection.closed().then((error) => this.#end(error ?? undefined));
  }

  /** Ends with the connection; nothing in it throws, because listeners and observer are guarded. */
  async #followStatus(connection: NatsConnection): Promise<void> {
    const translator = new StatusTranslator();
    for await (const status of connection.status()) {
      const translated = translator.translate(status, lastWordsOfServer(connection));
      if (translated) this.#apply(translated);
    }
  }

  #apply(status: ConnectionStatus): void {
    if (this.closed) return;
    switch (status.kind) {
      case 'disconnected':
        this.#state = 'disconnected';
        this.#report(status);
        this.#disconnected.notify();
        break;
      case 'connected':
      case 'reconnected':
        this.#state = 'connected';
        this.#report(status);
        this.#reconnected.notify();
        break;
      case 'slow-consumer':
        this.#report(status);
        this.#slowConsumer.notify();
        break;
      case 'waiting':
      case 'reconnecting':
      case 'lame-duck':
      case 'servers-changed':
      case 'error':
      case 'listener-failed':
      case 'closed':
        this.#report(status);
        break;
    }
  }

  #end(error: unknown): void {
    if (this.closed) return;
    this.#state = 'closed';
    this.#report(error === undefined ? { kind: 'closed' } : { kind: 'closed', error });
    this.#closed.notify();
  }

  /** For callbacks that run inside the connection's read loop and must not throw into it. */
  reportListenerFailure(error: unknown): void {
    this.#report({ kind: 'listener-failed', error });
  }

  /** An observer that throws must not end the loop that follows the connection. */
  #report(status: ConnectionStatus): void {
    try {
      this.#observer?.onStatus(status);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}

async function toClientOptions(options: BusConnectionOptions): Promise<ConnectionOptions> {
  const { name, reconnectBaseWaitMs = 250, connectTimeoutMs = 5_000, pingIntervalMs = 10_000 } = options;
  const { servers, authenticators, tls } = await readAccess(options);
  return {
    servers,
    name,
    inboxPrefix: inboxPrefix(name),
    timeout: connectTimeoutMs,
    reconnect: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: reconnectBaseWaitMs,
    reconnectJitter: reconnectBaseWaitMs,
    reconnectJitterTLS: reconnectBaseWaitMs,
    waitOnFirstConnect: false,
    // Without it a server that refuses the same credentials twice, as one does while it reloads, ends the connection.
    ignoreAuthErrorAbort: true,
    pingInterval: pingIntervalMs,
    maxPingOut: 2,
    noAsyncTraces: true,
    ...(authenticators.length > 0 && { authenticator: authenticators }),
    ...(tls && { tls }),
  };
}

function inboxPrefix(name: string): string {
  return `_INBOX_${name}`;
}

/** One pass over the servers. A connection that comes up after the abort is closed again. */
async function connectOnce(options: ConnectionOptions, signal: AbortSignal | undefined): Promise<NatsConnection> {
  const connecting = connect(options);
  if (!signal) return connecting;
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([connecting, aborted.promise]);
  } catch (error) {
    // The pass ends within the connect timeout; nobody is left to be told how.
    void connecting.then((late) => late.close()).catch(() => undefined);
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** Refusals that waiting does not cure; everything else is a server that is not there yet. */
function throwIfFinal(error: unknown): void {
  if (!(error instanceof NatsError)) return;
  switch (error.code as ErrorCode) {
    case ErrorCode.AuthorizationViolation:
    case ErrorCode.BadAuthentication:
    case ErrorCode.BadCreds:
    case ErrorCode.AccountExpired:
    case ErrorCode.AuthenticationExpired:
      throw new BusConfigError(
        'BUS_ACCESS_REFUSED',
        `the NATS server refuses the credentials: ${error.message}`,
        error,
      );
    case ErrorCode.ServerOptionNotAvailable:
      throw new BusConfigError('BUS_ACCESS_REFUSED', `the NATS server does not offer ${error.message}`, error);
    case ErrorCode.InvalidOption:
      throw new BusConfigError('BUS_CONFIG_INVALID', error.message, error);
    default:
  }
}

/** `nats` 2.29.3 keeps the text of a `-ERR` to itself and reports its class only. */
function lastWordsOfServer(connection: NatsConnection): string | undefined {
  const { protocol } = connection as { protocol?: { lastError?: Error } };
  return protocol?.lastError?.message;
}
