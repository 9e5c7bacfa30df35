import { sleepUnlessAborted } from '../../../shared/lifecycle/abortable-sleep.ts';
import type { Room, Viewer } from '../rooms.ts';
import type { Emitter } from './emitter.ts';

export interface GatewayStatusOptions {
  readonly emitter: Emitter;
  /** Every event reaches this gateway, and none was missed that could not be made up for. */
  readonly isLive: () => boolean;
  readonly intervalMs?: number | undefined;
  /** Outages up to this long are told to nobody, in ms: a reconnect to NATS takes less. */
  readonly graceMs?: number | undefined;
}

/**
 * Tells browsers when what they are shown may be outdated, and when it no longer is: all of them while the feed is
 * interrupted, and those that have just joined while their state cannot be read.
 */
export class GatewayStatus implements AsyncDisposable {
  readonly #options: GatewayStatusOptions;
  readonly #stopped = new AbortController();
  readonly #watching: Promise<void>;
  /** Browsers that were shown nothing because the stream could not be read. */
  readonly #unread = new Map<Viewer, Room>();
  #toldLive = true;

  constructor(options: GatewayStatusOptions) {
    this.#options = options;
    this.#watching = this.#watch();
  }

  /** A browser has joined. */
  greet(viewer: Viewer): void {
    if (!this.#toldLive) this.#options.emitter.gatewayStatus(false, viewer);
  }

  /** The state could not be read for a browser that has joined; it will be tried again. */
  unread(room: Room, viewer: Viewer): void {
    if (!room.has(viewer) || room.hasShown(viewer) || this.#unread.has(viewer)) return;
    this.#unread.set(viewer, room);
    if (this.#toldLive) this.#options.emitter.gatewayStatus(false, viewer);
  }

  /** Everybody in the room was shown what the stream holds, which may be nothing. */
  read(room: Room): void {
    for (const [viewer, { companyId }] of this.#unread) if (companyId === room.companyId) this.#settle(viewer);
  }

  left(viewer: Viewer): void {
    this.#unread.delete(viewer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort();
    await this.#watching;
  }

  #settle(viewer: Viewer): void {
    this.#unread.delete(viewer);
    if (this.#toldLive) this.#options.emitter.gatewayStatus(true, viewer);
  }

  async #watch(): Promise<void> {
    const { isLive, intervalMs = 250, graceMs = 1000 } = this.#options;
    let downMs = 0;
    while (await sleepUnlessAborted(intervalMs, this.#stopped.signal)) {
      downMs = isLive() ? 0 : downMs + intervalMs;
      if (downMs === 0) this.#tell(true);
      else if (downMs > graceMs) this.#tell(false);
      // A live event shows a state too.
      for (const [viewer, room] of this.#unread) if (room.hasShown(viewer)) this.#settle(viewer);
    }
  }

  #tell(live: boolean): void {
    if (live === this.#toldLive) return;
    this.#toldLive = live;
    this.#options.emitter.gatewayStatus(live);
    if (live) for (const viewer of this.#unread.keys()) this.#options.emitter.gatewayStatus(false, viewer);
  }
}
