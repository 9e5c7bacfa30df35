import type { Span } from '@opentelemetry/api';
import type { SessionStatePayload } from '../../../shared/contract/socket-events.ts';
import { ATTRIBUTES } from '../../../shared/telemetry/attributes.ts';
import { exemplarOf } from '../../../shared/telemetry/spans.ts';
import type { MarketplaceNamespace } from '../admission/marketplace-socket.ts';
import type { Room, Viewer } from '../rooms.ts';
import type { AcknowledgementInstruments } from '../telemetry/acknowledgement-instruments.ts';
import { startAcknowledgement } from '../telemetry/delivery-trace.ts';
import type { ShownState } from './session-emits.ts';

export interface AcknowledgementsOptions {
  readonly namespace: MarketplaceNamespace;
  readonly instruments: AcknowledgementInstruments;
  /** Monotonic, in ms. */
  readonly now: () => number;
  /** How long a browser may take, in ms, before the state is sent again. */
  readonly timeoutMs: number;
  /** How often it is sent again. */
  readonly retries: number;
}

export interface AcknowledgedDelivery {
  readonly room: Room;
  readonly viewer: Viewer;
  readonly shown: ShownState;
  readonly payload: SessionStatePayload;
}

interface Pending extends AcknowledgedDelivery {
  readonly startedMs: number;
  readonly span: Span | undefined;
  attempts: number;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Sends final states to browsers that acknowledge them, and again while they do not: a connection can be open on this
 * side alone. One state a browser is under way; a newer one takes its place, because nobody has to see the older any more.
 */
export class Acknowledgements implements Disposable {
  readonly #options: AcknowledgementsOptions;
  readonly #pending = new Map<Viewer, Pending>();

  constructor(options: AcknowledgementsOptions) {
    this.#options = options;
  }

  /** Sends the state. A browser that has left meanwhile is no longer waited for: it is shown the state when it is back. */
  deliver(delivery: AcknowledgedDelivery): void {
    this.forget(delivery.viewer);
    const { event } = delivery.shown;
    const pending: Pending = {
      ...delivery,
      startedMs: this.#options.now(),
      span: startAcknowledgement(event),
      attempts: 0,
      timer: undefined,
    };
    this.#pending.set(delivery.viewer, pending);
    this.#send(pending);
  }

  /** Waits for this browser no longer. */
  forget(viewer: Viewer): void {
    const pending = this.#pending.get(viewer);
    if (pending) this.#end(pending);
  }

  [Symbol.dispose](): void {
    for (const pending of this.#pending.values()) this.#end(pending);
  }

  #send(pending: Pending): void {
    const { namespace, timeoutMs } = this.#options;
    const socket = namespace.sockets.get(pending.viewer.id);
    if (!socket) {
      this.#end(pending);
      return;
    }
    pending.attempts += 1;
    pending.timer = setTimeout(() => this.#onSilence(pending), timeoutMs);
    socket.emit('session-state', pending.payload, () => this.#onAcknowledged(pending, socket.conn.transport.name));
  }

  #onAcknowledged(pending: Pending, transport: string): void {
    // A late answer to an earlier attempt, or to a state that a newer one has replaced.
    if (this.#pending.get(pending.viewer) !== pending) return;
    const { shown, startedMs, span } = pending;
    this.#end(pending);
    this.#options.instruments.acknowledged(shown.event, {
      transport,
      seconds: (this.#options.now() - startedMs) / 1000,
      exemplar: span && exemplarOf(span),
    });
  }

  #onSilence(pending: Pending): void {
    const { retries, instruments } = this.#options;
    const { room, shown } = pending;
    if (room.shown !== shown) {
      this.#end(pending);
      return;
    }
    if (pending.attempts <= retries) {
      instruments.retried(shown.event);
      this.#send(pending);
      return;
    }
    pending.span?.setAttribute(ATTRIBUTES.errorType, 'timeout');
    this.#end(pending);
    instruments.missing(shown.event);
  }

  #end({ viewer, timer, span }: Pending): void {
    clearTimeout(timer);
    span?.end();
    this.#pending.delete(viewer);
  }
}
