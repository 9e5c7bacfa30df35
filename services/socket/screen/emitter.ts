import { stateOf } from '../../../shared/contract/decode-event.ts';
import { isTerminal } from '../../../shared/contract/session-state.ts';
import type { MarketplaceNamespace } from '../admission/marketplace-socket.ts';
import type { Room, Viewer } from '../rooms.ts';
import type { Acknowledgements } from './acknowledgements.ts';
import { broadcast } from './broadcast.ts';
import type { CorkedWrites } from './corked-writes.ts';
import { toPairingCodeError } from './pairing-code-error.ts';
import { seenPositionOf, toEmits, type Emit, type EmitMode, type ShownState } from './session-emits.ts';

export interface EmitterOptions {
  readonly namespace: MarketplaceNamespace;
  readonly acknowledgements: Acknowledgements;
  readonly writes: CorkedWrites;
  /** Monotonic, in ms. */
  readonly now: () => number;
}

/** Puts states on the wire: to a whole room with one encoding, or to one browser. */
export class Emitter {
  readonly #options: EmitterOptions;

  constructor(options: EmitterOptions) {
    this.#options = options;
  }

  /** Shows the room's present state to everybody in it who has not seen something newer, together with other rooms' states. */
  toRoom(room: Room): void {
    const { namespace, writes } = this.#options;
    const { shown } = room;
    if (!shown) return;
    const emits = toEmits(shown, 'change', this.#options.now());
    const ahead = room.aheadOf(seenPositionOf(shown));
    const asked = this.#isAsked(shown) ? room.listAcknowledging().filter((viewer) => !ahead.includes(viewer)) : [];
    const others = ahead.length + asked.length === 0 ? undefined : new Set([...ahead, ...asked].map(({ id }) => id));
    broadcast(namespace, { room: room.name, emits, except: others, writes });
    for (const viewer of asked) this.#ask(room, viewer, { shown, emits });
    room.markAllShown();
  }

  /** Shows a state to one browser; false when it has seen something newer. */
  toViewer(room: Room, viewer: Viewer, { shown, mode }: { shown: ShownState; mode: EmitMode }): boolean {
    if (room.aheadOf(seenPositionOf(shown)).includes(viewer)) return false;
    const emits = toEmits(shown, mode, this.#options.now());
    if (viewer.acknowledges && this.#isAsked(shown)) this.#ask(room, viewer, { shown, emits });
    else this.#emit(viewer, emits);
    return true;
  }

  /** Tells one browser, or all, whether what they are shown can be relied on. */
  gatewayStatus(live: boolean, viewer?: Viewer): void {
    if (viewer) this.#emit(viewer, [['gateway-status', { live }]]);
    else this.#options.namespace.emit('gateway-status', { live });
  }

  /** Tells one browser that something could not be done. */
  error(viewer: Viewer, message: string, code: string): void {
    this.#emit(viewer, [['error', { message, code }]]);
  }

  /** Tells one browser why it gets no pairing code. */
  pairingCodeError(viewer: Viewer, code: string): void {
    this.#emit(viewer, [['pairing-code-error', toPairingCodeError(code)]]);
  }

  /** Whether browsers that acknowledge are asked to. */
  #isAsked({ event }: ShownState): boolean {
    return isTerminal(stateOf(event));
  }

  /** As all others, but the state itself is sent until the browser has acknowledged it. */
  #ask(room: Room, viewer: Viewer, { shown, emits }: { shown: ShownState; emits: readonly Emit[] }): void {
    for (const emit of emits) {
      if (emit[0] === 'session-state')
        this.#options.acknowledgements.deliver({ room, viewer, shown, payload: emit[1] });
      else this.#emit(viewer, [emit]);
    }
  }

  /** Socket.IO gives each browser a room of its own, named by its id. */
  #emit(viewer: Viewer, emits: readonly Emit[]): void {
    broadcast(this.#options.namespace, { room: viewer.id, emits });
  }
}
