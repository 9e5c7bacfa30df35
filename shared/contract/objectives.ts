import { select } from './series.ts';

/**
 * The promises, over 30 days. Latency counts connects of customers that reached the browser's socket live or repaired;
 * delivery counts all of their events; the canary counts what it expected to receive.
 */
export const OBJECTIVES = {
  connect_latency: {
    objective: 0.99,
    /** Seconds; a bucket of the SLI, and no integer: Prometheus 3 writes those differently. */
    boundS: 0.25,
    promise: 'connects at the browser within 250 ms',
  },
  delivery: { objective: 0.999, promise: 'events delivered' },
  canary: { objective: 0.999, promise: 'canary messages received' },
} as const;
export type ObjectiveName = keyof typeof OBJECTIVES;

/** Windows of the recorded error ratios: those of the burn-rate alerts, and the one the promise is made for. */
export const RATIO_WINDOWS = ['5m', '30m', '1h', '2h', '6h', '1d', '3d', '30d'] as const;
export type RatioWindow = (typeof RATIO_WINDOWS)[number];

/** Recording rules, by what they hold; the label `slo` is the name of the objective. */
export const RECORDED = {
  /** Share of bad events over the window; no series while nothing happened. */
  errorRatio: (window: RatioWindow) => `slo:error_ratio:rate${window}` as const,
  /** Share of events that may be bad. */
  errorBudget: 'slo:error_budget:ratio',
  connectedSessions: 'whatsapp:connected_sessions:sum',
} as const;

export function errorRatio(window: RatioWindow, slo: ObjectiveName | RegExp): string {
  return select(RECORDED.errorRatio(window), { slo });
}

export function errorBudget(slo: ObjectiveName | RegExp): string {
  return select(RECORDED.errorBudget, { slo });
}
