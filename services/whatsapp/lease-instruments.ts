import type { CompanyId } from '../../shared/contract/company-id.ts';
import type { Logger } from '../../shared/telemetry/logger.ts';
import type { Metrics } from '../../shared/telemetry/metrics.ts';
import { companyOf } from './instruments.ts';

/** The `outcome` label of `whatsapp_lease_transitions_total`, and what each says. */
export type LeaseOutcome =
  /** This replica took a session. */
  | 'acquired'
  /** Another replica has it. */
  | 'refused'
  /** Given up in order: it ended, it was surplus, or the replica stops. */
  | 'released'
  /** Taken away: the lease ended, or another replica is named in the row. */
  | 'lost'
  /** A replica's lease ended and its sessions became free. Counted once a replica. */
  | 'expired';

const OUTCOMES: readonly LeaseOutcome[] = ['acquired', 'refused', 'released', 'lost', 'expired'];

/** Changes of ownership, each with its log line and its metric. */
export class LeaseInstruments {
  readonly #logger: Logger;
  readonly #transitions;

  constructor(logger: Logger, metrics: Metrics) {
    this.#logger = logger;
    this.#transitions = metrics.counter('whatsapp_lease_transitions_total');
    for (const outcome of OUTCOMES) this.#transitions.inc({ outcome }, 0);
  }

  acquired(companyId: CompanyId, epoch: number): void {
    this.#transitions.inc({ outcome: 'acquired' });
    this.#logger.debug({ ...companyOf(companyId), epoch }, 'session taken over');
  }

  refused(companyId: CompanyId, owner: string | undefined): void {
    this.#transitions.inc({ outcome: 'refused' });
    this.#logger.debug({ ...companyOf(companyId), owner }, 'session is held by another replica');
  }

  released(companyId: CompanyId): void {
    this.#transitions.inc({ outcome: 'released' });
    this.#logger.debug(companyOf(companyId), 'session given up');
  }

  sessionLost(companyId: CompanyId): void {
    this.#transitions.inc({ outcome: 'lost' });
    this.#logger.warn(companyOf(companyId), 'session lost to another replica');
  }

  began(id: string): void {
    this.#logger.info({ lease: id }, 'lease begun');
  }

  /** Of the whole replica, with everything it held. */
  ended(sessions: number): void {
    this.#transitions.inc({ outcome: 'lost' }, sessions);
    this.#logger.error({ sessions }, 'lease lost: every session is stopped until there is a new one');
  }

  failed(err: unknown): void {
    this.#logger.warn({ err }, 'lease not renewed');
  }

  expired(replicas: readonly string[]): void {
    this.#transitions.inc({ outcome: 'expired' }, replicas.length);
    this.#logger.warn({ replicas }, 'leases of other replicas have ended');
  }

  surplus(count: number, held: number, capacity: number): void {
    this.#logger.info({ count, held, capacity }, 'sessions given up for another replica to take');
  }

  forged(companyId: CompanyId, events: number): void {
    this.#logger.error({ ...companyOf(companyId), events }, 'events with a forged epoch removed from the stream');
  }

  roundFailed(err: unknown): void {
    this.#logger.warn({ err }, 'sessions could not be compared with the leases');
  }
}
