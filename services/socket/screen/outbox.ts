import type { Socket } from 'node:net';

/** Told when everything before it was written, in µs since the epoch. Must not throw. */
type OnWritten = (writtenUs: number) => void;

/**
 * Holds back what goes to browsers until everything that one read from NATS brought has been worked off, and writes all of
 * it then. Browsers that are written to one after the other wake up together instead of each by itself, and one with several
 * states gets them in one write: in a storm of connects that is a seventh of the work. A lone event waits for nothing.
 */
export class Outbox {
  readonly #wallMicros: () => number;
  readonly #held = new Set<Socket>();
  #waiting: OnWritten[] = [];

  constructor(wallMicros: () => number) {
    this.#wallMicros = wallMicros;
  }

  /** Holds what is written to the socket from now on; its order stays as it is. */
  hold(socket: Socket): void {
    if (this.#held.has(socket)) return;
    // Runs as soon as what is being read now has been worked off, before anything else is read.
    if (this.#held.size === 0) process.nextTick(() => this.flush());
    this.#held.add(socket);
    socket.cork();
  }

  /** Calls back once everything that is held now was written; at once when there is nothing. */
  onWritten(listener: OnWritten): void {
    if (this.#held.size === 0) listener(this.#wallMicros());
    else this.#waiting.push(listener);
  }

  /** Writes what is held. */
  flush(): void {
    if (this.#held.size === 0) return;
    for (const socket of this.#held) socket.uncork();
    this.#held.clear();
    const writtenUs = this.#wallMicros();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const listener of waiting) listener(writtenUs);
  }
}
