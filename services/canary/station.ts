import type { BusConnection } from '../../shared/bus/connection.ts';
import { subscribeCompanyEvents, type LiveMessage } from '../../shared/bus/event-feed.ts';
import { decodeEvent } from '../../shared/contract/decode-event.ts';
import { positionOf, type Position } from '../../shared/contract/position.ts';
import type { Identity } from './identity.ts';
import type { CanaryInstruments } from './instruments.ts';
import { NATS_PATH, Rounds } from './rounds.ts';
import { SocketProbe } from './socket-probe.ts';

/** How something arrived. */
export interface At {
  /** Monotonic. */
  readonly receivedMs: number;
  /** When it came over NATS itself. */
  readonly message?: LiveMessage;
}

export interface StationOptions {
  readonly bus: BusConnection;
  readonly identity: Identity;
  readonly socketUrls: readonly string[];
  readonly timeoutMs: number;
  readonly tokenRefreshMs: number;
  readonly instruments: CanaryInstruments;
  readonly onArrival: (path: string, position: Position, at: At) => void;
}

/** Everything that listens for one reserved company: the subscription, a client of each socket replica, and the rounds. */
export class Station implements AsyncDisposable {
  readonly identity: Identity;
  readonly rounds: Rounds;
  readonly #resources = new AsyncDisposableStack();
  readonly #probes: readonly SocketProbe[];

  constructor(options: StationOptions) {
    const { bus, identity, socketUrls, timeoutMs, onArrival } = options;
    this.identity = identity;
    this.rounds = new Rounds([NATS_PATH, ...socketUrls], timeoutMs);
    const receive = (message: LiveMessage) => {
      const receivedMs = performance.now();
      const decoded = decodeEvent(identity.companyId, message.body);
      const position = decoded.ok ? positionOf(decoded.event) : undefined;
      if (position) onArrival(NATS_PATH, position, { receivedMs, message });
    };
    this.#resources.use(subscribeCompanyEvents(bus, identity.companyId, receive));
    this.#probes = socketUrls.map((url) => this.#resources.use(this.#connect(url, options)));
  }

  /** Every path has been connected at the same time. */
  get listening(): boolean {
    return this.#probes.every(({ connected }) => connected);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resources.disposeAsync();
  }

  #connect(url: string, { identity, instruments, tokenRefreshMs, onArrival }: StationOptions): SocketProbe {
    let refusals = 0;
    return new SocketProbe({
      url,
      tokenRefreshMs,
      token: () => identity.token(),
      seen: () => this.rounds.newestOn(url),
      onConnected: () => {
        refusals = 0;
        this.rounds.connected(url);
        instruments.probeConnected(url);
      },
      onDisconnected: (reason) => instruments.probeDisconnected(url, reason),
      onRefused: (code, error) => {
        refusals += 1;
        instruments.probeRefused(url, refusals, { code, error });
      },
      onConnect: (position, receivedMs) => onArrival(url, position, { receivedMs }),
    });
  }
}
