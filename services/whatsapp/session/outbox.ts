import type { PublishOutcome } from '../../../shared/bus/publish-attempt.ts';
import type { OrderedEvent } from '../../../shared/contract/events.ts';
import type { Position } from '../../../shared/contract/position.ts';
import { isWorthPublishing, type EventDraft } from './session-event.ts';

export interface OutboxOptions {
  /** The ownership that events are stamped with. */
  readonly epoch: number;
  /** Events that may wait; beyond it the oldest is dropped, because every later one repeats the whole state. */
  readonly maxWaiting: number;
  /** Publishes one event at its place. `onStamped` is called before anything is sent. */
  readonly send: (
    position: Position,
    draft: EventDraft,
    onStamped: (event: OrderedEvent) => void,
  ) => Promise<PublishOutcome>;
  /** Answers an epoch above the given one; the position it had belongs to another event already. */
  readonly raiseEpoch: (above: number) => Promise<number>;
  /** A newer owner publishes for this company. Nothing more is sent. */
  readonly onFenced: () => void;
  /** The event could not be published and is skipped. */
  readonly onDropped: (draft: EventDraft, cause: unknown) => void;
  readonly now?: () => number;
}

interface Waiting {
  readonly draft: EventDraft;
  readonly resolve: (stored: boolean) => void;
}

/**
 * The events of one session on their way into the stream: in order, one at a time, each with the next place in the
 * company's order. A place is given when the event is sent, so one that is raised to a new epoch leaves no older ones
 * behind it.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #now: () => number;
  readonly #waiting: Waiting[] = [];
  #epoch: number;
  #seq = 0;
  #last: OrderedEvent | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#epoch = options.epoch;
    this.#now = options.now ?? Date.now;
  }

  /** The newest event that has a place, stored or on its way. */
  get last(): OrderedEvent | undefined {
    return this.#last;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Nothing waits and nothing is on its way. */
  get idle(): boolean {
    return this.#waiting.length === 0;
  }

  /** Queues the event; resolves to whether the stream has it. The first one is on its way when this returns. Never rejects. */
  push(draft: EventDraft): Promise<boolean> {
    if (this.#stopped) return Promise.resolve(false);
    // The first in the list is on its way and stays.
    if (this.#waiting.length > this.#options.maxWaiting) this.#drop(1, 'too many events are waiting');
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#waiting.push({ draft, resolve });
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return promise;
  }

  /** Resolves when nothing is waiting, or after `timeoutMs` when given. Never rejects. */
  async settled(timeoutMs?: number): Promise<void> {
    if (!this.#running) return;
    if (timeoutMs === undefined) {
      await this.#running;
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeoutMs);
    await Promise.race([this.#running, promise]);
    clearTimeout(timer);
  }

  /** Sends nothing further; what is waiting was not stored. */
  stop(): void {
    this.#stopped = true;
    for (const { resolve } of this.#waiting.splice(0)) resolve(false);
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const [next] = this.#waiting;
      if (!next) return;
      if (!isWorthPublishing(next.draft, this.#now())) {
        this.#waiting.shift();
        next.resolve(false);
        continue;
      }
      await this.#send(next);
    }
  }

  async #send(next: Waiting): Promise<void> {
    try {
      this.#seq += 1;
      const position = { epoch: this.#epoch, seq: this.#seq };
      const outcome = await this.#options.send(position, next.draft, (event) => {
        this.#last = event;
      });
      switch (outcome.kind) {
        case 'stored':
          this.#done(next, true);
          break;
        case 'duplicate':
          this.#epoch = await this.#options.raiseEpoch(this.#epoch);
          this.#seq = 0;
          break;
        case 'fenced':
          this.stop();
          this.#options.onFenced();
          break;
      }
    } catch (error) {
      if (this.#stopped) return;
      this.#options.onDropped(next.draft, error);
      this.#done(next, false);
    }
  }

  #done(next: Waiting, stored: boolean): void {
    // Unless it was stopped meanwhile, and told so.
    if (this.#waiting[0] === next) this.#waiting.shift();
    next.resolve(stored);
  }

  #drop(index: number, cause: string): void {
    for (const { draft, resolve } of this.#waiting.splice(index, 1)) {
      this.#options.onDropped(draft, new Error(cause));
      resolve(false);
    }
  }
}
