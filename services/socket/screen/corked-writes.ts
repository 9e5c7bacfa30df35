import type { Socket } from 'node:net';
import { context, ROOT_CONTEXT } from '@opentelemetry/api';

/** Told when everything before it was written, in µs since the epoch. Must not throw. */
type OnWritten = (writtenUs: number) => void;

/**
 * Corks the sockets of browsers until all that one read from NATS brought has been worked off, and writes everything then.
 * Browsers that are written to one after the other wake up together instead of each by itself, which in a storm of connects
 * is much of the gateway's work, and one with several states gets them in one write. A lone event waits for nothing.
 */
export class CorkedWrites {
  readonly #wallMicros: () => number;
  #corked = new Set<Socket>();
  #waiting: OnWritten[] = [];

  constructor(wallMicros: () => number) {
    this.#wallMicros = wallMicros;
  }

  /** What is written to the socket from now on waits, in its order, with whatever else goes to it. */
  cork(socket: Socket): void {
    if (this.#corked.has(socket)) return;
    // After the messages of this read, whose callbacks are microtasks of the client library, and before the next read. In no
    // event's trace: it is for all of them.
    if (this.#corked.size === 0) inNoTrace(() => process.nextTick(() => this.flush()));
    socket.cork();
    this.#corked.add(socket);
  }

  /** Calls back once everything that waits now was written, outside of any trace; at once when nothing waits. */
  onWritten(listener: OnWritten): void {
    if (this.#corked.size === 0) listener(this.#wallMicros());
    else this.#waiting.push(listener);
  }

  /** Writes what waits. */
  flush(): void {
    if (this.#corked.size === 0) return;
    const corked = this.#corked;
    const waiting = this.#waiting;
    this.#corked = new Set();
    this.#waiting = [];
    for (const socket of corked) socket.uncork();
    const writtenUs = this.#wallMicros();
    inNoTrace(() => {
      for (const listener of waiting) listener(writtenUs);
    });
  }
}

/** Nearly always there is none, and every await and every write below `with` carries what it made the active one. */
function inNoTrace(work: () => void): void {
  if (context.active() === ROOT_CONTEXT) work();
  else context.with(ROOT_CONTEXT, work);
}
