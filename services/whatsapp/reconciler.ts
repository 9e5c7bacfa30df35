import type { StoredEvent } from '../../shared/bus/last-event.ts';
import type { CompanyId } from '../../shared/contract/company-id.ts';
import { decodeEvent, stateOf } from '../../shared/contract/decode-event.ts';
import type { SessionEvent } from '../../shared/contract/events.ts';
import { positionOf } from '../../shared/contract/position.ts';
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
  /** Between two looks at companies for which somebody else published, in ms. */
  readonly lookIntervalMs?: number;
}

const CONCURRENCY = 50;
/** Longer than the stream needs to store what was just delivered; and a publisher that repeats itself is answered once in it. */
const LOOK_INTERVAL_MS = 1000;
const RETRY = { baseMs: 500, maxMs: 30_000 };

/** What a round found for one session. */
type Finding = 'same' | 'busy' | 'republished' | 'failed';
type Agreement = (session: ReconciledSession, stored: StoredEvent) => boolean;

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
  #suspects = new Set<CompanyId>();
  #lookTimer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
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

  /**
   * Somebody else published for the company: its session alone is compared a moment later, once for any number of calls.
   * A `connected` published by hand is left as it is; only a round answers it. Never throws.
   */
  lookAt(companyId: CompanyId): void {
    if (this.#stopped) return;
    this.#suspects.add(companyId);
    this.#lookTimer ??= setTimeout(() => {
      this.#looking = this.#look();
    }, this.#options.lookIntervalMs ?? LOOK_INTERVAL_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#lookTimer);
    await Promise.all([this.#running, this.#looking]);
  }

  async #run(): Promise<void> {
    for (let cause = this.#again; cause !== undefined && !this.#stopped; cause = this.#again) {
      this.#again = undefined;
      await this.#round(cause);
    }
  }

  async #round(cause: string): Promise<void> {
    const findings = await this.#compare(cause, [...this.#options.sessions()], agrees);
    this.#failures = [...findings.values()].includes('failed') ? this.#failures + 1 : 0;
  }

  async #look(): Promise<void> {
    const suspects = this.#suspects;
    this.#suspects = new Set();
    const sessions = this.#options.sessions().filter(({ companyId }) => suspects.has(companyId));
    const findings = await this.#compare('by-hand', sessions, agreesOrHolds);
    this.#lookTimer = undefined;
    const undecided = [...findings].filter(([, finding]) => finding === 'busy' || finding === 'failed');
    for (const companyId of [...this.#suspects, ...undecided.map(([session]) => session.companyId)]) {
      this.lookAt(companyId);
    }
  }

  async #compare(
    cause: string,
    sessions: ReconciledSession[],
    agreement: Agreement,
  ): Promise<ReadonlyMap<ReconciledSession, Finding>> {
    const findings = new Map<ReconciledSession, Finding>();
    const work = async () => {
      for (let session = sessions.shift(); session && !this.#stopped; session = sessions.shift()) {
        // Counted, and looked at again soon: the stream does not answer, which the connection reports itself.
        findings.set(session, await this.#check(session, agreement).catch(() => 'failed' as const));
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, work));
    const count = (wanted: Finding) => [...findings.values()].filter((finding) => finding === wanted).length;
    this.#options.instruments.reconciled(cause, findings.size, count('republished'), count('failed'));
    return findings;
  }

  async #check(session: ReconciledSession, agreement: Agreement): Promise<Finding> {
    for (const read of [this.#options.readLastEvent, this.#options.readLastEventFromLeader]) {
      if (!session.quiet || !session.lastEvent) return 'busy';
      const stored = await read(session.companyId);
      if (!session.quiet) return 'busy';
      if (stored && agreement(session, stored)) return 'same';
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
  if (positionOf(decoded.event)) return decoded.event.id === lastEvent.id;
  return saysTheSame(decoded.event, lastEvent);
}

/** As `agrees`; and an operator who says `connected` by hand knows better for now. */
function agreesOrHolds(session: ReconciledSession, stored: StoredEvent): boolean {
  const decoded = decodeEvent(session.companyId, stored.body);
  const isHeld = decoded.ok && positionOf(decoded.event) === undefined && decoded.event.type === 'connected';
  return isHeld || agrees(session, stored);
}

function saysTheSame(a: SessionEvent, b: SessionEvent): boolean {
  const shown = (event: SessionEvent) => event.qr?.text ?? event.code?.text;
  return stateOf(a) === stateOf(b) && a.phoneNumber === b.phoneNumber && shown(a) === shown(b);
}
