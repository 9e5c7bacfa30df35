import { comparePositions, type Position } from '../../shared/contract/position.ts';

/** The way over NATS alone; every other path is the address of a socket replica. */
export const NATS_PATH = 'nats';

/** A round that is decided. */
export interface EndedRound {
  readonly position: Position;
  /** The paths on which it did not arrive in time; none when it was received everywhere. */
  readonly missing: readonly string[];
}

/** What an arrival means. */
export type Arrival =
  | {
      readonly kind: 'received';
      readonly elapsedMs: number;
      /** It came behind a newer one. */
      readonly outOfOrder: boolean;
      /** The last socket replica has it now. */
      readonly onAllSockets: boolean;
      /** Present when this was the last path. */
      readonly ended: EndedRound | undefined;
    }
  /** The path has delivered it before. */
  | { readonly kind: 'duplicate' }
  /** Older than what the path has delivered, and of no open round. */
  | { readonly kind: 'out_of_order' }
  /** Its round had been given up. */
  | { readonly kind: 'late' }
  /** What a client is shown when it connects: it may have seen it before. */
  | { readonly kind: 'snapshot' };

interface OpenRound {
  readonly position: Position;
  readonly startedMs: number;
  readonly missing: Set<string>;
}

interface Path {
  newest: Position | undefined;
  /** Connected, and nothing has arrived since. */
  fresh: boolean;
  readonly recent: string[];
}

/** Arrivals remembered per path to tell a repeated one: more than can be under way. */
const MAX_RECENT = 32;

/** Which rounds are under way and what has arrived where. Pure: time is an argument in monotonic ms. */
export class Rounds {
  readonly #timeoutMs: number;
  readonly #paths: ReadonlyMap<string, Path>;
  readonly #open = new Map<string, OpenRound>();

  constructor(paths: readonly string[], timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
    this.#paths = new Map(paths.map((path) => [path, { newest: undefined, fresh: false, recent: [] }]));
  }

  /** Rounds that wait for an arrival. */
  get openCount(): number {
    return this.#open.size;
  }

  /** The newest position that arrived on the path. */
  newestOn(path: string): Position | undefined {
    return this.#paths.get(path)?.newest;
  }

  begin(position: Position, nowMs: number): void {
    this.#open.set(keyOf(position), { position, startedMs: nowMs, missing: new Set(this.#paths.keys()) });
  }

  /** The path connected (again): the first thing it delivers may be a snapshot. */
  connected(path: string): void {
    const state = this.#paths.get(path);
    if (state) state.fresh = true;
  }

  arrived(path: string, position: Position, nowMs: number): Arrival {
    const state = this.#paths.get(path);
    if (!state) return { kind: 'late' };
    const { fresh, newest } = state;
    state.fresh = false;
    const key = keyOf(position);
    if (state.recent.includes(key)) return { kind: fresh ? 'snapshot' : 'duplicate' };
    state.recent.push(key);
    if (state.recent.length > MAX_RECENT) state.recent.shift();
    const outOfOrder = newest !== undefined && comparePositions(position, newest) < 0;
    if (!outOfOrder) state.newest = position;
    const round = this.#open.get(key);
    if (!round) return { kind: outOfOrder ? 'out_of_order' : fresh ? 'snapshot' : 'late' };
    round.missing.delete(path);
    if (round.missing.size === 0) this.#open.delete(key);
    return {
      kind: 'received',
      elapsedMs: nowMs - round.startedMs,
      outOfOrder,
      onAllSockets: path !== NATS_PATH && [...round.missing].every((missing) => missing === NATS_PATH),
      ended: round.missing.size === 0 ? { position, missing: [] } : undefined,
    };
  }

  /** Gives up the rounds whose time is over. */
  expire(nowMs: number): readonly EndedRound[] {
    const over = [...this.#open].filter(([, { startedMs }]) => nowMs - startedMs >= this.#timeoutMs);
    for (const [key] of over) this.#open.delete(key);
    return over.map(([, { position, missing }]) => ({ position, missing: [...missing] }));
  }
}

function keyOf({ epoch, seq }: Position): string {
  return `${epoch}:${seq}`;
}
