import type { CompanyId } from '../../../shared/contract/company-id.ts';

/**
 * Runs one company's writes one after the other, in call order, whatever the outcome of those before; different
 * companies do not wait for each other. Without it two saves on two pooled connections could land in either order.
 */
export class WriteOrder {
  readonly #tails = new Map<CompanyId, Promise<void>>();

  run<T>(companyId: CompanyId, write: () => Promise<T>): Promise<T> {
    const result = (this.#tails.get(companyId) ?? Promise.resolve()).then(write);
    const tail = result.then(ignore, ignore).then(() => {
      if (this.#tails.get(companyId) === tail) this.#tails.delete(companyId);
    });
    this.#tails.set(companyId, tail);
    return result;
  }

  /** Companies with a write waiting or running. */
  get size(): number {
    return this.#tails.size;
  }
}

/** The caller has the outcome; the next write only needs to know that this one is over. */
function ignore(): void {}
