import { sleepUnlessAborted } from '../../shared/lifecycle/abortable-sleep.ts';
import { backoffMs } from '../../shared/lifecycle/backoff.ts';
import type { SocketInstruments } from './instruments.ts';
import type { Room, Rooms } from './rooms.ts';
import { forEachLimited } from './upstream/for-each-limited.ts';
import type { RefreshReason } from './upstream/refresh-reason.ts';
import type { StoredState } from './upstream/stored-state.ts';

export interface ResyncOptions {
  readonly rooms: Rooms;
  readonly storedState: StoredState;
  readonly instruments: SocketInstruments;
  /** Without a connection a pass would only fail; the reconnect asks for one. */
  readonly isConnected: () => boolean;
  /** Makes sure that the stream is there, after it could not be read. */
  readonly repairStream: () => Promise<void>;
  /** In how long a round compares every open room with the stream, in ms. */
  readonly auditRoundMs: number;
}

/** Reads in flight at once: a direct get takes 0.15 ms, so this keeps a server busy without a queue of its own. */
const PARALLEL_READS = 64;
/** At least this long between two passes, in ms: gaps come in bursts. */
const PAUSE_MS = 250;
const RETRY = { baseMs: 250, maxMs: 5000 };
const AUDIT_STEP_MS = 1000;

/**
 * Reads the last events of all open rooms again whenever live delivery may have lost something, and in a slow round even
 * when nothing says so. Requests that come while a pass runs are answered by one further pass.
 */
export class Resync implements AsyncDisposable {
  readonly #options: ResyncOptions;
  readonly #stopped = new AbortController();
  readonly #auditing: Promise<void>;
  #wanted: RefreshReason | undefined;
  #running: Promise<void> | undefined;
  /** Ends the wait before the next attempt. */
  #wake = new AbortController();
  #hasFailed = false;
  #isBehind = false;

  constructor(options: ResyncOptions) {
    this.#options = options;
    this.#auditing = this.#audit();
  }

  /** What keeps the rooms from being known to be up to date; `undefined` when nothing does. */
  get problem(): string | undefined {
    if (this.#hasFailed) return 'the stream could not be read';
    return this.#isBehind ? 'reading again after a reconnect' : undefined;
  }

  /** Events may have been missed since the last reconnect. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  /** Asks for a pass over all open rooms, which begins at once unless one is under way. */
  request(reason: Exclude<RefreshReason, 'audit'>): void {
    if (reason === 'reconnect') this.#isBehind = true;
    if (this.#wanted !== 'reconnect') this.#wanted = reason;
    this.#wake.abort();
    this.#start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort();
    await Promise.all([this.#running, this.#auditing]);
  }

  #start(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      // Asked for after the last look and before this.
      if (this.#mayRun()) this.#start();
    });
  }

  #mayRun(): boolean {
    return this.#wanted !== undefined && !this.#stopped.signal.aborted && this.#options.isConnected();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    let failures = 0;
    while (this.#mayRun()) {
      this.#wake = new AbortController();
      const reason = this.#wanted ?? 'gap';
      this.#wanted = undefined;
      this.#hasFailed = !(await this.#pass(reason));
      if (!this.#hasFailed) {
        failures = 0;
        if (reason === 'reconnect') this.#isBehind = false;
        await sleepUnlessAborted(PAUSE_MS, signal);
        continue;
      }
      this.#wanted ??= reason;
      if (this.#options.isConnected()) await this.#repairStream();
      await sleepUnlessAborted(backoffMs(failures, RETRY), AbortSignal.any([signal, this.#wake.signal]));
      failures += 1;
    }
  }

  async #repairStream(): Promise<void> {
    try {
      await this.#options.repairStream();
    } catch (error) {
      this.#options.instruments.streamRepairFailed(error);
    }
  }

  async #pass(reason: RefreshReason): Promise<boolean> {
    const { rooms, instruments } = this.#options;
    const open = rooms.listOpen();
    const startedMs = performance.now();
    const succeeded = await this.#refresh(open, reason);
    instruments.resynced(reason, { rooms: open.length, seconds: (performance.now() - startedMs) / 1000, succeeded });
    return succeeded;
  }

  async #refresh(rooms: readonly Room[], reason: RefreshReason): Promise<boolean> {
    let succeeded = true;
    await forEachLimited(rooms, PARALLEL_READS, async (room) => {
      // After the first failure the rest of the pass would only wait for the same timeout.
      if (succeeded && !(await this.#options.storedState.refresh(room, reason))) succeeded = false;
    });
    return succeeded;
  }

  /** Spread evenly over the round, so that an audit of thousands of rooms is no burst. */
  async #audit(): Promise<void> {
    const { rooms, auditRoundMs } = this.#options;
    const stepMs = Math.min(AUDIT_STEP_MS, auditRoundMs);
    let pending: Room[] = [];
    let perStep = 0;
    while (await sleepUnlessAborted(stepMs, this.#stopped.signal)) {
      if (pending.length === 0) {
        pending = [...rooms.listOpen()];
        perStep = Math.ceil((pending.length * stepMs) / auditRoundMs);
      }
      const slice = pending.splice(0, perStep).filter((room) => room.size > 0);
      if (!(await this.#refresh(slice, 'audit'))) this.request('gap');
    }
  }
}
