import type { StoredEvent } from '../../shared/bus/last-event.ts';
import type { CompanyId } from '../../shared/contract/company-id.ts';
import { decodeEvent, stateOf } from '../../shared/contract/decode-event.ts';
import type { SessionEvent } from '../../shared/contract/events.ts';
import { backoffMs } from '../../shared/lifecycle/backoff.ts';
import type { Instruments } from './instruments.ts';
import type { Session } from './session/session.ts';

/** What a round needs to know of a session. */
export type ReconciledSession = Pick<Session, 'companyId' | 'quiet' | 'lastEvent' | 'republish'>;

export interface ReconcilerOptions {
  readonly sessions: () => readonly ReconciledSession[];
  /** From any replica of the stream: fast, and possibly late. */
  readonly readLastEvent: (companyId: CompanyId) => Promise<StoredEvent | undefined>;
  /** From the stream's leader: never older than an acknowledged publish. */
  readonly readLastEventFromLeader: (companyId: CompanyId) => Promise<StoredEvent | undefined>;
  readonly instruments: Instruments;
  /** Between two rounds, in ms; up to a fifth is taken off at random. */
  readonly intervalMs?: number;
}

const CONCURRENCY = 50;
const RETRY = { baseMs: 500, maxMs: 30_000 };

/** What a round found for one session. */
type Finding = 'same' | 'busy' | 'republished';

/**
 * Keeps the stream equal to what this process holds: compares every session with the last event of its company and
 * publishes what differs. It only ever looks at states, so whatever made them differ, once or a hundred times, is
 * repaired by one round.
 */
export class Reconciler implements AsyncDisposable {
  readonly #options: ReconcilerOptions;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #again: string | undefined;
  #failures = 0;
  #stopped = false;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#schedule();
  }

  /** Starts a round, or another one after the round under way. Never throws. */
  trigger(cause: string): void {
    if (this.#stopped) return;
    this.#again = cause;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      this.#schedule();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let cause = this.#again; cause !== undefined && !this.#stopped; cause = this.#again) {
      this.#again = undefined;
      await this.#round(cause);
    }
  }

  async #round(cause: string): Promise<void> {
    const sessions = [...this.#options.sessions()];
    const checked = sessions.length;
    let republished = 0;
    let failed = 0;
    const work = async () => {
      for (let session = sessions.shift(); session && !this.#stopped; session = sessions.shift()) {
        try {
          if ((await this.#check(session)) === 'republished') republished += 1;
        } catch {
          // Counted, and the next round comes soon: the stream does not answer, which the connection reports itself.
          failed += 1;
        }
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, work));
    this.#failures = failed > 0 ? this.#failures + 1 : 0;
    this.#options.instruments.reconciled(cause, checked, republished, failed);
  }

  async #check(session: ReconciledSession): Promise<Finding> {
    for (const read of [this.#options.readLastEvent, this.#options.readLastEventFromLeader]) {
      if (!session.quiet || !session.lastEvent) return 'busy';
      const stored = await read(session.companyId);
      if (!session.quiet) return 'busy';
      if (stored && agrees(session, stored)) return 'same';
    }
    session.republish();
    return 'republished';
  }

  #schedule(): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    const { intervalMs = 600_000 } = this.#options;
    const slow = intervalMs * (1 - Math.random() / 5);
    const wait = this.#failures > 0 ? Math.min(slow, backoffMs(this.#failures, RETRY)) : slow;
    this.#timer = setTimeout(() => this.trigger('round'), wait);
    this.#timer.unref();
  }
}

/** The stream's last event is the session's own newest one, or one published by hand that says the same. */
function agrees({ companyId, lastEvent }: ReconciledSession, { body }: StoredEvent): boolean {
  const decoded = decodeEvent(companyId, body);
  if (!decoded.ok || !lastEvent) return false;
  if (decoded.event.id !== undefined) return decoded.event.id === lastEvent.id;
  return saysTheSame(decoded.event, lastEvent);
}

function saysTheSame(a: SessionEvent, b: SessionEvent): boolean {
  const shown = (event: SessionEvent) => event.qr?.text ?? event.code?.text;
  return stateOf(a) === stateOf(b) && a.phoneNumber === b.phoneNumber && shown(a) === shown(b);
}
