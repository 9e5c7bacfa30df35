import type { MarketplaceNamespace, MarketplaceSocket } from '../admission/marketplace-socket.ts';

export interface BackPressureOptions {
  readonly namespace: MarketplaceNamespace;
  /** Bytes that may wait for one browser. */
  readonly maxBufferedBytes: number;
  /** Between two looks, in ms. */
  readonly intervalMs?: number | undefined;
}

const INTERVAL_MS = 500;

/** What of Engine.IO is needed here and its types keep private. */
interface Wire {
  readonly writeBuffer: readonly { readonly data?: string | Uint8Array }[];
  readonly transport: { readonly socket?: { readonly bufferedAmount: number; terminate(): void } };
  close(discard: boolean): void;
}

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
      const wire = conn as unknown as Wire;
      if (bufferedBytes(wire) <= this.#options.maxBufferedBytes) continue;
      this.#cut.add(conn);
      // A closing handshake would wait behind everything that is not read.
      if (wire.transport.socket) wire.transport.socket.terminate();
      else wire.close(true);
    }
  }
}

/** Over polling everything waits in the buffer; over WebSocket what the kernel does not take waits in the transport. */
function bufferedBytes({ writeBuffer, transport }: Wire): number {
  let bytes = transport.socket?.bufferedAmount ?? 0;
  for (const { data } of writeBuffer) bytes += data?.length ?? 0;
  return bytes;
}
