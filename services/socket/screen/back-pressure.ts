import type { MarketplaceNamespace, MarketplaceSocket } from '../admission/marketplace-socket.ts';
import { bufferedBytes, cut } from './wire.ts';

export interface BackPressureOptions {
  readonly namespace: MarketplaceNamespace;
  /** Bytes that may wait for one browser. */
  readonly maxBufferedBytes: number;
  /** Between two looks, in ms. */
  readonly intervalMs?: number | undefined;
}

const INTERVAL_MS = 500;

/**
 * Cuts the connections of browsers that do not read what they are sent, before the bytes that wait for them use up the
 * memory of everybody. A browser that is alive comes back by itself and is shown the newest state.
 */
export class BackPressure implements Disposable {
  readonly #options: BackPressureOptions;
  readonly #timer: NodeJS.Timeout;
  readonly #cut = new WeakSet<object>();

  constructor(options: BackPressureOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#look(), options.intervalMs ?? INTERVAL_MS);
  }

  /** Whether this browser's connection was cut here. */
  hasCut({ conn }: MarketplaceSocket): boolean {
    return this.#cut.has(conn);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    for (const { conn } of this.#options.namespace.sockets.values()) {
      if (bufferedBytes(conn) <= this.#options.maxBufferedBytes) continue;
      this.#cut.add(conn);
      cut(conn);
    }
  }
}
