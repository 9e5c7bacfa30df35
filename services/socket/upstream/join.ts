import { sleepUnlessAborted } from '../../../shared/lifecycle/abortable-sleep.ts';
import type { Room } from '../rooms.ts';
import type { StoredState } from './stored-state.ts';

/**
 * When the company's last event is read after a join, in ms. Live delivery precedes the commit to the stream and a
 * replica may answer late (seen on three nodes), so the first answer can lack what was delivered just before the join.
 */
export const JOIN_READS_MS: readonly number[] = [0, 1000, 5000];

export interface JoinOptions {
  readonly storedState: StoredState;
  readonly readsMs: readonly number[];
  /** The stream could not be read: the room has to be read again until it can. */
  readonly onFailed: () => void;
}

/**
 * Shows a browser that has just joined where its company stands. The first read is done when the promise resolves; the
 * later ones follow until the browser leaves. Never rejects.
 */
export async function showOnJoin(room: Room, signal: AbortSignal, options: JoinOptions): Promise<void> {
  const [first = 0, ...later] = options.readsMs;
  if (!(await sleepUnlessAborted(first, signal))) return;
  await refresh(room, options);
  void readLater(room, signal, { ...options, readsMs: later.map((ms) => ms - first) });
}

async function readLater(room: Room, signal: AbortSignal, options: JoinOptions): Promise<void> {
  let lastMs = 0;
  for (const atMs of options.readsMs) {
    if (!(await sleepUnlessAborted(atMs - lastMs, signal))) return;
    await refresh(room, options);
    lastMs = atMs;
  }
}

async function refresh(room: Room, { storedState, onFailed }: JoinOptions): Promise<void> {
  if (!(await storedState.refresh(room, 'join'))) onFailed();
}
