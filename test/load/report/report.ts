import type { Percentiles } from '../generator/latencies.ts';
import type { LoadOptions } from '../options.ts';
import type { Verdict } from '../verdict.ts';
import type { Environment } from './environment.ts';

export const REPORT_VERSION = 1;

/** What the rows of the latency table measure. */
export interface LatencyNames {
  readonly latency: string;
  readonly untilEmit: string;
  readonly confirmation: string;
  readonly lag: string;
}

export function latencyNamesOf({ through, publish }: Pick<LoadOptions, 'through' | 'publish'>): LatencyNames {
  const lag = "the generator's own lag";
  if (through === 'whatsapp') {
    return {
      latency: "WhatsApp's report → browser",
      untilEmit: 'the same until the emit, by /metrics',
      confirmation: 'intended start → QR, scan, connected',
      lag,
    };
  }
  return {
    latency: 'intended send → browser',
    untilEmit: 'the same until the emit, by /metrics',
    confirmation: publish === 'core' ? 'send → written' : 'send → confirmed by the stream',
    lag,
  };
}

/** One second of the run, warm-up included. */
export interface SecondRow {
  readonly second: number;
  /** Deliveries (events times browsers of their company) that were meant to begin in it, and that ended in it. */
  readonly offered: number;
  readonly delivered: number;
  /** Of the events that were meant to be sent in it; absent in the warm-up. */
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  readonly maxMs?: number;
}

/** A duration as the services' own histograms have it. */
export interface ServerDuration {
  readonly count: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface ServerView {
  /** `whatsapp_connect_to_emit_duration_seconds`, live deliveries of synthetic events. */
  readonly connectToEmit: ServerDuration;
  /** Whether the browsers' figures fall into the same or the next bucket. */
  readonly p50Agrees: boolean;
  readonly p99Agrees: boolean;
}

export interface ProcessRow {
  readonly name: string;
  readonly cpuSeconds: number;
  /** Of one core. */
  readonly cpuShare: number;
  readonly cpuUsPerEvent: number;
  readonly residentBytes: number;
}

export interface GeneratorRow {
  readonly name: string;
  /** Share of its time that the process was busy, 0 to 1. */
  readonly utilization: number;
  readonly cpuSeconds: number;
}

/** One rate of the step profile. */
export interface StepRow {
  readonly rate: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Arrivals within the step for each one offered in it. */
  readonly keptUp: number;
  /** The generator's own. */
  readonly lagP99Ms: number;
}

export interface LoadReport {
  readonly version: typeof REPORT_VERSION;
  /** ISO 8601. */
  readonly madeAt: string;
  readonly command: string;
  readonly options: Omit<LoadOptions, 'outDir'>;
  readonly environment: Environment;
  readonly interrupted: boolean;
  /** Why the figures say nothing; empty when they do. */
  readonly voidReasons: readonly string[];
  /** Why the run failed; empty when it did not. */
  readonly failures: readonly string[];
  readonly verdict: Verdict;
  readonly sent: number;
  /** Of the measured part, from the intended send time to the browser. */
  readonly latency: Percentiles;
  readonly curve: readonly { readonly percentile: number; readonly ms: number }[];
  readonly seconds: readonly SecondRow[];
  readonly steps: readonly StepRow[];
  /** The last rate of the step profile that was kept up with; `undefined` when the first was not. */
  readonly kneeRate: number | undefined;
  readonly lag: Percentiles;
  /** From the send to the stream's confirmation, or to the client's buffer with core publish. */
  readonly confirmation: Percentiles;
  readonly server: ServerView | undefined;
  readonly stages: readonly (ServerDuration & { readonly stage: string })[];
  readonly counters: Readonly<Record<string, number>>;
  readonly processes: readonly ProcessRow[];
  readonly generator: readonly GeneratorRow[];
  readonly disconnects: number;
}
