/** Gives the place back; idempotent. */
export type Leave = () => void;

/**
 * Bounds how many sockets are being opened at the same time, so that sessions which lost their connections together do
 * not open them together. Whoever is awaited by a person goes first; within each kind it is first come, first served.
 */
export class OpeningGate {
  readonly #awaited: (() => void)[] = [];
  readonly #others: (() => void)[] = [];
  #places: number;

  constructor(places: number) {
    this.#places = places;
  }

  /** Resolves when there is a place. Every place must be left again, also by who does not want it any more. */
  async enter(isAwaited: boolean): Promise<Leave> {
    if (this.#places > 0) this.#places -= 1;
    else await new Promise<void>((resolve) => (isAwaited ? this.#awaited : this.#others).push(resolve));
    let hasLeft = false;
    return () => {
      if (hasLeft) return;
      hasLeft = true;
      this.#pass();
    };
  }

  #pass(): void {
    const next = this.#awaited.shift() ?? this.#others.shift();
    if (next) next();
    else this.#places += 1;
  }
}
