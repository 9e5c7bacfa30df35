import type { CompanyId } from '../../../shared/contract/company-id.ts';
import type { Instruments } from '../instruments.ts';
import { FencedError } from '../store/errors.ts';
import type { SessionStore } from '../store/session-store.ts';
import type { Machine } from './machine.ts';

export interface SessionRecordOptions {
  readonly companyId: CompanyId;
  readonly store: SessionStore;
  readonly instruments: Instruments;
  readonly epoch: () => number;
  /** A write at `epoch` was refused: whether the company is lost, or the epoch was only raised meanwhile. */
  readonly checkFenced: (epoch: number) => Promise<boolean>;
}

/** The row of one session. Nothing here rejects: what could not be saved is told, and made good at the next boot. */
export class SessionRecord {
  readonly #options: SessionRecordOptions;

  constructor(options: SessionRecordOptions) {
    this.#options = options;
  }

  /** `confirmed`: the stream has the event of this state. */
  async save({ state, account }: Machine, confirmed: boolean): Promise<void> {
    const { store, companyId } = this.#options;
    await this.#write('state', (epoch) => store.saveState(companyId, epoch, { state, confirmed, ...account }));
  }

  /** What is left behind by a failure opens a socket at the next boot, which WhatsApp answers with 401: the same end. */
  async discardCredentials(): Promise<void> {
    const { store, companyId } = this.#options;
    await this.#write('credentials', (epoch) => store.discardCredentials(companyId, epoch));
  }

  async #write(what: 'state' | 'credentials', write: (epoch: number) => Promise<void>): Promise<void> {
    const { companyId, instruments, checkFenced } = this.#options;
    const epoch = this.#options.epoch();
    try {
      await write(epoch);
    } catch (error) {
      if (!(error instanceof FencedError)) instruments.saveFailed(companyId, what, error);
      else if (!(await checkFenced(epoch))) await this.#write(what, write);
    }
  }
}
