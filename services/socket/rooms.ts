import { salonIdOf, type CompanyId } from '../../shared/contract/company-id.ts';
import { compareSeen, type SeenPosition } from '../../shared/contract/socket-events.ts';
import { HighWaterMarks } from './high-water-marks.ts';
import type { ShownState } from './screen/session-emits.ts';

/** One browser tab in a room. */
export interface Viewer {
  /** The Socket.IO id. */
  readonly id: string;
  /** The newest state that the client has seen anywhere: it is shown nothing older. */
  readonly seen: SeenPosition | undefined;
  /** µs since the epoch. */
  readonly joinedAtUs: number;
  /** By the client's own word, in ms since the epoch. */
  readonly waitingSinceMs: number | undefined;
  /** Answers final states with an acknowledgement. */
  readonly acknowledges: boolean;
}

/** All browsers of one company at this gateway, and what they were shown. */
export class Room {
  readonly companyId: CompanyId;
  /** The Socket.IO room. */
  readonly name: string;
  readonly marks = new HighWaterMarks();
  /** Each viewer with the version of the state that it was shown last; 0 for none. */
  readonly #viewers = new Map<Viewer, number>();
  /** Viewers that came with a position of their own, until the room has passed it; most rooms never have any. */
  #ahead: Set<Viewer> | undefined;
  #shown: ShownState | undefined;
  #version = 0;

  constructor(companyId: CompanyId) {
    this.companyId = companyId;
    this.name = `company-${salonIdOf(companyId)}`;
  }

  get size(): number {
    return this.#viewers.size;
  }

  /** The state that the room stands at. */
  get shown(): ShownState | undefined {
    return this.#shown;
  }

  /** Rises with every new state; 0 before the first. */
  get version(): number {
    return this.#version;
  }

  add(viewer: Viewer): void {
    this.#viewers.set(viewer, 0);
    if (viewer.seen) (this.#ahead ??= new Set()).add(viewer);
  }

  remove(viewer: Viewer): void {
    this.#viewers.delete(viewer);
    this.#ahead?.delete(viewer);
  }

  has(viewer: Viewer): boolean {
    return this.#viewers.has(viewer);
  }

  /** Whether this browser was shown any state of the room. */
  hasShown(viewer: Viewer): boolean {
    return (this.#viewers.get(viewer) ?? 0) > 0;
  }

  /** The browsers that acknowledge final states. */
  listAcknowledging(): readonly Viewer[] {
    const acknowledging: Viewer[] = [];
    for (const viewer of this.#viewers.keys()) if (viewer.acknowledges) acknowledging.push(viewer);
    return acknowledging;
  }

  /** The stream is another one: positions say nothing about what comes next, here and in what clients have seen. */
  forgetOrder(): void {
    this.marks.forgetOrder();
    this.#ahead = undefined;
  }

  /** The room stands at a new state; nobody has been shown it yet. */
  moveTo(shown: ShownState): void {
    this.#shown = shown;
    this.#version += 1;
  }

  /** Everybody but those who have seen something newer elsewhere was shown the present state. */
  markAllShown(): void {
    for (const viewer of this.#viewers.keys()) this.#viewers.set(viewer, this.#version);
  }

  markShown(viewer: Viewer): void {
    if (this.#viewers.has(viewer)) this.#viewers.set(viewer, this.#version);
  }

  /** Viewers that were not shown the present state, and whether they were shown an earlier one. */
  behind(): readonly { readonly viewer: Viewer; readonly knowsEarlier: boolean }[] {
    const behind = [];
    for (const [viewer, version] of this.#viewers) {
      if (version < this.#version) behind.push({ viewer, knowsEarlier: version > 0 });
    }
    return behind;
  }

  /** Viewers that have already seen a newer state than this one, on another replica or before a restart. */
  aheadOf(position: SeenPosition | undefined): readonly Viewer[] {
    if (!this.#ahead || position === undefined) return [];
    const ahead = [...this.#ahead].filter(({ seen }) => seen && compareSeen(seen, position) > 0);
    this.#ahead = ahead.length > 0 ? new Set(ahead) : undefined;
    return ahead;
  }
}

export interface RoomsOptions {
  /** Monotonic, in ms. */
  readonly now: () => number;
  /** How long an empty room keeps its marks, in ms: a reload must not see an older state. */
  readonly forgetAfterMs?: number;
  /** Empty rooms kept at most; beyond it the longest empty one is forgotten. */
  readonly maxEmpty?: number;
}

interface EmptyRoom {
  readonly room: Room;
  readonly sinceMs: number;
}

/** The rooms with at least one browser, and for a while the marks of those that were left. */
export class Rooms {
  readonly #open = new Map<CompanyId, Room>();
  readonly #empty = new Map<CompanyId, EmptyRoom>();
  readonly #now: () => number;
  readonly #forgetAfterMs: number;
  readonly #maxEmpty: number;

  constructor({ now, forgetAfterMs = 600_000, maxEmpty = 10_000 }: RoomsOptions) {
    this.#now = now;
    this.#forgetAfterMs = forgetAfterMs;
    this.#maxEmpty = maxEmpty;
  }

  /** The company's room if somebody is in it. */
  get(companyId: CompanyId): Room | undefined {
    return this.#open.get(companyId);
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** Empty rooms whose marks are kept. */
  get rememberedCount(): number {
    return this.#empty.size;
  }

  /** The rooms that are open now; stays as it is while rooms come and go. */
  listOpen(): readonly Room[] {
    return [...this.#open.values()];
  }

  /** Forgets the order of all companies, open and remembered. */
  forgetOrder(): void {
    for (const room of this.#open.values()) room.forgetOrder();
    for (const { room } of this.#empty.values()) room.forgetOrder();
  }

  enter(companyId: CompanyId, viewer: Viewer): Room {
    let room = this.#open.get(companyId);
    if (!room) {
      this.#forgetOld();
      room = this.#empty.get(companyId)?.room ?? new Room(companyId);
      this.#empty.delete(companyId);
      room.marks.interrupt();
      this.#open.set(companyId, room);
    }
    room.add(viewer);
    return room;
  }

  leave(room: Room, viewer: Viewer): void {
    room.remove(viewer);
    if (room.size > 0 || this.#open.get(room.companyId) !== room) return;
    this.#open.delete(room.companyId);
    this.#empty.set(room.companyId, { room, sinceMs: this.#now() });
    this.#forgetOld();
  }

  /** Insertion order is the order in which the rooms became empty. */
  #forgetOld(): void {
    const now = this.#now();
    for (const [companyId, { sinceMs }] of this.#empty) {
      if (this.#empty.size <= this.#maxEmpty && now - sinceMs < this.#forgetAfterMs) return;
      this.#empty.delete(companyId);
    }
  }
}
