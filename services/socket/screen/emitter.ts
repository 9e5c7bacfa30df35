import { stateOf } from '../../../shared/contract/decode-event.ts';
import { isTerminal } from '../../../shared/contract/session-state.ts';
import type { MarketplaceNamespace } from '../admission/marketplace-socket.ts';
import type { Room, Viewer } from '../rooms.ts';
import type { Acknowledgements } from './acknowledgements.ts';
import { toPairingCodeError } from './pairing-code-error.ts';
import { seenPositionOf, toEmits, type Emit, type EmitMode, type ShownState } from './session-emits.ts';

type Target = ReturnType<MarketplaceNamespace['to']>;

export interface EmitterOptions {
  readonly namespace: MarketplaceNamespace;
  readonly acknowledgements: Acknowledgements;
  /** Monotonic, in ms. */
  readonly now: () => number;
}

/** Puts states on the wire: to a whole room with one encoding, or to one browser. */
export class Emitter {
  readonly #namespace: MarketplaceNamespace;
  readonly #acknowledgements: Acknowledgements;
  readonly #now: () => number;

  constructor({ namespace, acknowledgements, now }: EmitterOptions) {
    this.#namespace = namespace;
    this.#acknowledgements = acknowledgements;
    this.#now = now;
  }

  /** Shows the room's present state to everybody in it who has not seen something newer. */
  toRoom(room: Room): void {
    const { shown } = room;
    if (!shown) return;
    const ahead = room.aheadOf(seenPositionOf(shown));
    const everybody = this.#namespace.to(room.name).except(ahead.map(({ id }) => id));
    const asked = isTerminal(stateOf(shown.event))
      ? room.listAcknowledging().filter((viewer) => !ahead.includes(viewer))
      : [];
    for (const emit of toEmits(shown, 'change', this.#now())) {
      if (emit[0] !== 'session-state' || asked.length === 0) {
        send(everybody, emit);
        continue;
      }
      if (asked.length + ahead.length < room.size) send(everybody.except(asked.map(({ id }) => id)), emit);
      for (const viewer of asked) this.#acknowledgements.deliver({ room, viewer, shown, payload: emit[1] });
    }
    room.markAllShown();
  }

  /** Shows a state to one browser; false when it has seen something newer. */
  toViewer(room: Room, viewer: Viewer, { shown, mode }: { shown: ShownState; mode: EmitMode }): boolean {
    if (room.aheadOf(seenPositionOf(shown)).includes(viewer)) return false;
    const isAsked = viewer.acknowledges && isTerminal(stateOf(shown.event));
    for (const emit of toEmits(shown, mode, this.#now())) {
      if (isAsked && emit[0] === 'session-state') {
        this.#acknowledgements.deliver({ room, viewer, shown, payload: emit[1] });
      } else {
        this.#emit(viewer, emit);
      }
    }
    return true;
  }

  /** Tells one browser, or all, whether what they are shown can be relied on. */
  gatewayStatus(live: boolean, viewer?: Viewer): void {
    if (viewer) this.#emit(viewer, ['gateway-status', { live }]);
    else this.#namespace.emit('gateway-status', { live });
  }

  /** Tells one browser that something could not be done. */
  error(viewer: Viewer, message: string, code: string): void {
    this.#emit(viewer, ['error', { message, code }]);
  }

  /** Tells one browser why it gets no pairing code. */
  pairingCodeError(viewer: Viewer, code: string): void {
    this.#emit(viewer, ['pairing-code-error', toPairingCodeError(code)]);
  }

  #emit(viewer: Viewer, emit: Emit): void {
    send(this.#namespace.to(viewer.id), emit);
  }
}

/** Socket.IO types an emit by its name alone; the pair of name and payload cannot be told apart again. */
function send(target: Target, [name, payload]: Emit): void {
  (target.emit as (name: string, payload: unknown) => boolean).call(target, name, payload);
}
