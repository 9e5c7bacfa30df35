/** Functions that want to know. One that throws is reported and hinders neither the others nor the caller. */
export class Listeners {
  readonly #listeners = new Set<() => void>();
  readonly #onError: (error: unknown) => void;

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** Answers how to take the listener away again. */
  add(listener: () => void): () => void {
    // Wrapped, so that the same function added twice is called twice and taken away once.
    const entry = () => listener();
    this.#listeners.add(entry);
    return () => this.#listeners.delete(entry);
  }

  notify(): void {
    for (const listener of this.#listeners) {
      try {
        listener();
      } catch (error) {
        this.#onError(error);
      }
    }
  }
}
