import type { Room, Viewer } from '../rooms.ts';
import { DelayLine } from './delay-line.ts';
import type { StoredState } from './stored-state.ts';

/**
 * When the company's last event is read again after a join was shown its state, in ms. Live delivery precedes the commit to
 * the stream and a replica may answer late (seen on three nodes), so the first answer can lack what was delivered just
 * before the join.
 */
export const LATER_READS_MS: readonly number[] = [1000, 5000];

export interface JoinsOptions {
  readonly storedState: StoredState;
  readonly laterReadsMs: readonly number[];
  /** The stream could not be read: the room has to be read again until it can. */
  readonly onFailed: (room: Room, viewer: Viewer) => void;
}

interface Joined {
  readonly room: Room;
  readonly viewer: Viewer;
}

/** Shows browsers that have just joined where their company stands. */
export class Joins implements Disposable {
  readonly #options: JoinsOptions;
  readonly #later: readonly DelayLine<Joined>[];

  constructor(options: JoinsOptions) {
    this.#options = options;
    const again = (joined: Joined) => {
      if (joined.room.has(joined.viewer)) void this.#read(joined);
    };
    this.#later = options.laterReadsMs.map((ms) => new DelayLine(ms, again));
  }

  /** The first read is done when the promise resolves; the later ones follow unless the browser has left. Never rejects. */
  async show(room: Room, viewer: Viewer): Promise<void> {
    const joined = { room, viewer };
    await this.#read(joined);
    for (const line of this.#later) line.put(joined);
  }

  [Symbol.dispose](): void {
    for (const line of this.#later) line[Symbol.dispose]();
  }

  async #read({ room, viewer }: Joined): Promise<void> {
    const { storedState, onFailed } = this.#options;
    if (!(await storedState.refresh(room, 'join'))) onFailed(room, viewer);
  }
}
