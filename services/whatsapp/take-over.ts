import type { BusConnection } from '../../shared/bus/connection.ts';
import { readNewestEpoch } from '../../shared/bus/newest-epoch.ts';
import type { CompanyId } from '../../shared/contract/company-id.ts';
import type { LeaseInstruments } from './lease-instruments.ts';
import type { Lease } from './lease.ts';
import { NotOwnerError } from './store/errors.ts';
import type { LeaseStore } from './store/lease-store.ts';
import type { SessionRow, SessionStore } from './store/session-store.ts';

export interface TakeOverOptions {
  readonly bus: BusConnection;
  readonly lease: Lease;
  readonly leases: LeaseStore;
  readonly store: SessionStore;
  readonly instruments: LeaseInstruments;
  /** Somebody else can take a session. */
  readonly onGivenUp: () => void;
}

/** How one session comes to this replica and leaves it. */
export class TakeOver {
  readonly #options: TakeOverOptions;

  constructor(options: TakeOverOptions) {
    this.#options = options;
  }

  /**
   * Takes the session, at an epoch above the row's, above every one in the stream and above `atLeastEpoch`: so epochs rise
   * also over a database that was emptied or is older than the stream.
   * @throws NotOwnerError naming who has it, LeaseLostError, and what the database and the stream reject with.
   */
  async take(companyId: CompanyId, atLeastEpoch: number): Promise<SessionRow> {
    const { bus, lease, leases, instruments } = this.#options;
    const onForged = instruments.forged.bind(instruments);
    const newest = await readNewestEpoch(bus, companyId, { onForged });
    const above = Math.max(atLeastEpoch, newest);
    const row =
      (await this.#try(companyId, above)) ??
      // It may be named only because nobody has noticed yet that it is gone.
      ((await this.#removeExpired()) ? await this.#try(companyId, above) : undefined);
    if (row) {
      instruments.acquired(companyId, row.epoch);
      return row;
    }
    const owner = await leases.readOwner(companyId);
    instruments.refused(companyId, owner?.name);
    throw new NotOwnerError(companyId, owner?.id === lease.id ? undefined : owner?.name);
  }

  /** Lets others take what was taken at `epoch`. Never rejects: what cannot be let go ends with the lease. */
  async letGo(companyId: CompanyId, epoch: number): Promise<void> {
    const { lease, leases, instruments, onGivenUp } = this.#options;
    try {
      // Without a lease it is free already.
      if (!lease.valid || !(await leases.release(companyId, epoch, lease.id))) return;
      instruments.released(companyId);
      onGivenUp();
    } catch (error) {
      instruments.failed(error);
    }
  }

  /** Whether the company's row still names this replica; `true` when the database does not say. */
  async isOwner(companyId: CompanyId): Promise<boolean> {
    const { lease, leases } = this.#options;
    if (!lease.valid) return false;
    try {
      const owner = await leases.readOwner(companyId);
      return lease.valid && owner?.id === lease.id;
    } catch {
      return lease.valid;
    }
  }

  async #try(companyId: CompanyId, above: number): Promise<SessionRow | undefined> {
    try {
      return await this.#options.store.acquire(companyId, above, this.#options.lease.id);
    } catch (error) {
      if (error instanceof NotOwnerError) return undefined;
      throw error;
    }
  }

  async #removeExpired(): Promise<boolean> {
    const expired = await this.#options.leases.removeExpired();
    if (expired.length > 0) this.#options.instruments.expired(expired);
    return expired.length > 0;
  }
}
