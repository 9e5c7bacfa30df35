import { parseCompanyId, type CompanyId } from '../../shared/contract/company-id.ts';
import { Schedule, toSegments, type Profile } from './schedule.ts';

/** Everything that decides what is sent when and who listens: the same in each worker, so that none has to be told. */
export interface PlanOptions {
  readonly profile: Profile;
  readonly rate: number;
  readonly durationMs: number;
  readonly warmupMs: number;
  readonly companies: number;
  readonly sockets: number;
  readonly seed: number;
  /** Share of events whose trace is sampled. */
  readonly traceRatio: number;
}

/** The first salon id of the range that is reserved for load. */
const FIRST_SALON_ID = 9_100_000_000;
/** One browser in this many belongs to a company that gets no events. */
const SILENT_SHARE = 20;

export function loadCompany(index: number): CompanyId {
  return parseCompanyId(String(FIRST_SALON_ID + index));
}

export class LoadPlan {
  readonly options: PlanOptions;
  readonly schedule: Schedule;
  /** The highest rate that the schedule comes to, in events per second. */
  readonly peakRate: number;

  constructor(options: PlanOptions) {
    const { profile, rate, durationMs, warmupMs } = options;
    const measured = toSegments(profile, rate, durationMs);
    const firstRate = measured[0]?.fromRate ?? rate;
    this.options = options;
    this.peakRate = Math.max(...measured.map(({ fromRate, toRate }) => Math.max(fromRate, toRate)));
    this.schedule = new Schedule([{ durationMs: warmupMs, fromRate: firstRate, toRate: firstRate }, ...measured]);
  }

  /** The company, by index, that an event is for. */
  companyOf(event: number): number {
    return mix(this.options.seed, event) % this.options.companies;
  }

  isSampled(event: number): boolean {
    return mix(this.options.seed + 1, event) < this.options.traceRatio * 2 ** 32;
  }

  /** The company, by index, of each browser. Those at the end belong to companies that get no events. */
  companiesOfSockets(): readonly number[] {
    const { sockets, companies } = this.options;
    const silent = Math.max(1, Math.round(sockets / SILENT_SHARE));
    const listening = sockets - silent;
    return Array.from({ length: sockets }, (_, socket) => {
      if (socket >= listening) return companies + socket - listening;
      return listening >= companies ? socket % companies : Math.floor((socket * companies) / listening);
    });
  }
}

/** An even 32-bit hash of two numbers: the finaliser of MurmurHash3. */
export function mix(seed: number, value: number): number {
  let hash = (Math.imul(seed, 0x9e3779b1) ^ value) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
