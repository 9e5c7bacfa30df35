import { positionOf } from '../../../shared/contract/position.ts';
import type { MarketplaceNamespace } from '../admission/marketplace-socket.ts';
import type { Room, Viewer } from '../rooms.ts';
import { toPairingCodeError } from './pairing-code-error.ts';
import { toEmits, type Emit, type EmitMode, type ShownState } from './session-emits.ts';

type Target = ReturnType<MarketplaceNamespace['to']>;

/** Puts states on the wire: to a whole room with one encoding, or to one browser. */
export class Emitter {
  readonly #namespace: MarketplaceNamespace;
  readonly #now: () => number;

  /** @param now monotonic, in ms. */
  constructor(namespace: MarketplaceNamespace, now: () => number) {
    this.#namespace = namespace;
    this.#now = now;
  }

  /** Shows the room's present state to everybody in it who has not seen something newer. */
  toRoom(room: Room): void {
    if (!room.shown) return;
    const ahead = room.aheadOf(positionOf(room.shown.event)).map(({ id }) => id);
    const target = this.#namespace.to(room.name).except(ahead);
    for (const emit of toEmits(room.shown, 'change', this.#now())) send(target, emit);
    room.markAllShown();
  }

  /** Shows a state to one browser; false when it has seen something newer. */
  toViewer(room: Room, viewer: Viewer, { shown, mode }: { shown: ShownState; mode: EmitMode }): boolean {
    if (room.aheadOf(positionOf(shown.event)).includes(viewer)) return false;
    for (const emit of toEmits(shown, mode, this.#now())) this.#emit(viewer, emit);
    return true;
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
