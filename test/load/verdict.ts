import { comparePositions, type Position } from '../../shared/contract/position.ts';

/** What became of the events at the browsers, counted by event id at each of them. */
export interface Verdict {
  /** Events times browsers of their company. */
  readonly expected: number;
  /** Of those, how many arrived, each counted once. */
  readonly delivered: number;
  /** Never arrived at a browser of their company. */
  readonly lost: number;
  /** Arrivals beyond the first. */
  readonly duplicated: number;
  /** First arrivals behind a newer event of the company. */
  readonly outOfOrder: number;
  /** Another company's event, or one that nobody published, such as any event of a company that gets none. */
  readonly wrongRoom: number;
  /** Browsers that do not show the last event of their company. */
  readonly unconverged: number;
  /** `whatsapp-connected` emits, which older clients live by, without their state or the other way round. */
  readonly unpaired: number;
  /** The first few things that went wrong, for a person. */
  readonly examples: readonly string[];
}

export const EMPTY_VERDICT: Verdict = {
  expected: 0,
  delivered: 0,
  lost: 0,
  duplicated: 0,
  outOfOrder: 0,
  wrongRoom: 0,
  unconverged: 0,
  unpaired: 0,
  examples: [],
};

const MAX_EXAMPLES = 20;

export function addVerdicts(a: Verdict, b: Verdict): Verdict {
  return {
    expected: a.expected + b.expected,
    delivered: a.delivered + b.delivered,
    lost: a.lost + b.lost,
    duplicated: a.duplicated + b.duplicated,
    outOfOrder: a.outOfOrder + b.outOfOrder,
    wrongRoom: a.wrongRoom + b.wrongRoom,
    unconverged: a.unconverged + b.unconverged,
    unpaired: a.unpaired + b.unpaired,
    examples: [...a.examples, ...b.examples].slice(0, MAX_EXAMPLES),
  };
}

/** One state as a browser was shown it. */
export interface Arrival extends Position {
  readonly companyId: string;
}

/** What one browser was shown since the run began. */
export class SocketLedger {
  readonly companyId: string;
  readonly #counts = new Map<string, number>();
  readonly #foreign: string[] = [];
  #newest: Position | undefined;
  #last: Position | undefined;
  #outOfOrder = 0;
  #connectedEmits = 0;
  #connectedStates = 0;

  constructor(companyId: string) {
    this.companyId = companyId;
  }

  /** A state; `connected` when a `whatsapp-connected` emit belongs to it. */
  take({ companyId, epoch, seq }: Arrival, connected: boolean): void {
    if (connected) this.#connectedStates += 1;
    if (companyId !== this.companyId) {
      this.#foreign.push(`${companyId}:${epoch}:${seq}`);
      return;
    }
    const position = { epoch, seq };
    const key = keyOf(position);
    const before = this.#counts.get(key) ?? 0;
    this.#counts.set(key, before + 1);
    this.#last = position;
    if (before > 0) return;
    if (this.#newest && comparePositions(position, this.#newest) < 0) this.#outOfOrder += 1;
    else this.#newest = position;
  }

  takeConnectedEmit(): void {
    this.#connectedEmits += 1;
  }

  /** How many different events arrived. */
  get received(): number {
    return this.#counts.size;
  }

  /** Judges what arrived by what was published for the company, oldest first. */
  judge(published: readonly Position[]): Verdict {
    const examples: string[] = [];
    const expected = new Set(published.map(keyOf));
    const lost = [...expected].filter((key) => !this.#counts.has(key));
    let duplicated = 0;
    const unpublished: string[] = [];
    for (const [key, count] of this.#counts) {
      duplicated += count - 1;
      if (!expected.has(key)) unpublished.push(key);
      if (count > 1) examples.push(`${this.companyId}:${key} arrived ${count} times`);
    }
    for (const key of lost) examples.push(`${this.companyId}:${key} was lost`);
    for (const key of unpublished) examples.push(`${this.companyId}:${key} was never published`);
    for (const id of this.#foreign) examples.push(`${id} came to a browser of ${this.companyId}`);
    const end = published.at(-1);
    const converged = end === undefined || (this.#last !== undefined && comparePositions(this.#last, end) === 0);
    return {
      expected: expected.size,
      delivered: expected.size - lost.length,
      lost: lost.length,
      duplicated,
      outOfOrder: this.#outOfOrder,
      wrongRoom: this.#foreign.length + unpublished.length,
      unconverged: converged ? 0 : 1,
      unpaired: Math.abs(this.#connectedEmits - this.#connectedStates),
      examples: examples.slice(0, MAX_EXAMPLES),
    };
  }
}

function keyOf({ epoch, seq }: Position): string {
  return `${epoch}:${seq}`;
}

/** How much of the reported p99 the generator may be late by before the run says nothing. */
const MAX_LAG_SHARE = 0.1;
/** A generator process busier than this cannot tell its own queue from the system's. */
const MAX_UTILIZATION = 0.9;

/** Whether a generator that was late by so much has made the latency what it is. */
export function isLate(lagP99Ms: number, latencyP99Ms: number): boolean {
  return lagP99Ms > MAX_LAG_SHARE * latencyP99Ms;
}

export interface GeneratorHealth {
  readonly delivered: number;
  /** Deliveries behind the warm-up: those that the latency is of. */
  readonly timed: number;
  /** 99 % of the events were sent within this time of the intended one, in ms. */
  readonly lagP99Ms: number;
  /** The reported p99, in ms. */
  readonly latencyP99Ms: number;
  /** The busiest generator process, 0 to 1. */
  readonly utilization: number;
}

/** Why the figures of a run say nothing about the system; empty when they do. */
export function voidReasons({
  delivered,
  timed,
  lagP99Ms,
  latencyP99Ms,
  utilization,
}: GeneratorHealth): readonly string[] {
  if (delivered === 0) return ['nothing was delivered'];
  if (timed === 0) return ['nothing was delivered behind the warm-up'];
  const reasons: string[] = [];
  if (isLate(lagP99Ms, latencyP99Ms)) {
    reasons.push(
      `the generator itself lagged: p99 ${lagP99Ms.toFixed(2)} ms, more than 10 % of the reported p99 of ${latencyP99Ms.toFixed(2)} ms`,
    );
  }
  if (utilization > MAX_UTILIZATION) {
    reasons.push(
      `a generator process was ${Math.round(utilization * 100)} % busy: give it more --workers or fewer sockets`,
    );
  }
  return reasons;
}
