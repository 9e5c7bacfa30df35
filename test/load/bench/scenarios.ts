import type { FloodShape } from './flood-frames.ts';
import type { VariantName } from './variants.ts';

/** A variant as a column: `c*` is `c` with no sampled trace, `c again` is the control. */
export type Column = VariantName | 'c*' | 'c again';

interface CommonScenario {
  readonly title: string;
  readonly columns: readonly Column[];
  /** How often each column is measured in one repetition: more where targets read a p99, which varies most. */
  readonly perRepetition: number;
}

/** Events at an even rate, timed one by one. */
export interface LatencyScenario extends CommonScenario {
  readonly kind: 'latency';
  readonly rate: number;
  /** Companies that get events; each browser is of another one. */
  readonly companies: number;
}

/** As many events as the gateway takes. */
export interface FloodScenario extends CommonScenario {
  readonly kind: 'flood';
  readonly shape: FloodShape;
  /** Whether the stream takes the events too. */
  readonly stored: boolean;
}

export type Scenario = LatencyScenario | FloodScenario;

export const BROWSERS = 500;
/** Companies with events and a browser; the other browsers must hear nothing. */
export const ROOMS = 475;

const ALL: readonly Column[] = ['a', 'b', 'c', 'c*', 'c again'];
const NOT_TRACED_APART: readonly Column[] = ['a', 'b', 'c', 'c again'];
const UNCOMPARED: readonly Column[] = ['c'];
const ALONE: readonly Column[] = ['c', 'c again'];
/** The browsers and their share of the events are the same; what grows is the number of companies. */
const FEW = { rooms: 10, audience: 0.1 };

export const AT_100 = latency('latency at 100/s, every company online', { rate: 100, companies: ROOMS });
export const AT_2000: LatencyScenario = {
  ...latency('latency at 2,000/s, every company online', { rate: 2000, companies: ROOMS }),
  columns: ALL,
  perRepetition: 2,
};
const AT_2000_TENTH = latency('latency at 2,000/s, 10 % online', { rate: 2000, companies: 10 * BROWSERS });
const EVERYBODY = { companies: ROOMS, rooms: ROOMS, audience: 1 };
export const FULL = flood('saturation, every company online', NOT_TRACED_APART, EVERYBODY);
export const TENTH = flood('saturation, 10 % online', NOT_TRACED_APART, {
  ...EVERYBODY,
  companies: 10 * ROOMS,
  audience: 0.1,
});
export const FEW_COMPANIES = flood('saturation, 100 companies, 10 % online', ALONE, { ...FEW, companies: 100 });
export const MANY_COMPANIES = flood('saturation, 100,000 companies, the same browsers', ALONE, {
  ...FEW,
  companies: 100_000,
});
const STORED: FloodScenario = {
  ...flood('saturation of the stream, every company online', UNCOMPARED, EVERYBODY),
  stored: true,
};

export const SCENARIOS: readonly Scenario[] = [
  AT_100,
  AT_2000,
  AT_2000_TENTH,
  FULL,
  TENTH,
  FEW_COMPANIES,
  MANY_COMPANIES,
  STORED,
];

function latency(title: string, load: Pick<LatencyScenario, 'rate' | 'companies'>): LatencyScenario {
  return { kind: 'latency', title, columns: NOT_TRACED_APART, perRepetition: 1, ...load };
}

function flood(title: string, columns: readonly Column[], shape: FloodShape): FloodScenario {
  return { kind: 'flood', title, columns, perRepetition: 1, shape, stored: false };
}
