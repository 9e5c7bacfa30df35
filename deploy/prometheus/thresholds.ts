/** Every number that an alert compares with, and why it is this one. Durations are Prometheus durations. */

/**
 * Multi-window, multi-burn-rate alerts of the SRE workbook (https://sre.google/workbook/alerting-on-slos/, table 5-8):
 * 14.4 × spends 2 % of the 30-day budget within the hour, 6 × 5 % within six hours, 3 × 10 % within a day, 1 × 10 %
 * within three. The short window, a twelfth of the long one, ends the alert soon after the cause is gone.
 */
export const BURN_RATES = {
  critical: [
    { long: '1h', short: '5m', factor: 14.4 },
    { long: '6h', short: '30m', factor: 6 },
  ],
  warning: [
    { long: '1d', short: '2h', factor: 3 },
    { long: '3d', short: '6h', factor: 1 },
  ],
} as const;

/** A salon's connect is rare: at night one slow connect would be 100 % of an hour. Fewer bad events wake nobody. */
export const BURN_MIN_BAD_EVENTS = 5;

export const THRESHOLDS = {
  /** Several rounds of the canary, whose period is a few seconds, and two scrapes. */
  canarySilenceS: 60,
  canarySilenceFor: '30s',
  /** A server that restarts is back within 10 s; longer than this, people see it. */
  natsDownFor: '30s',
  /** A rolling restart of a three-node cluster moves a client three times. */
  natsReconnectsPer15m: 5,
  /** A publish takes milliseconds, so the queue is empty at almost every scrape. Not once below this in 5 minutes: it grows. */
  publishQueueDepth: 20,
  /** Share of the quarter of an hour's best that is still connected. One lost replica of three, taken over, passes by. */
  sessionsRemaining: 0.8,
  /** A handful of salons lose their phones' network any day. */
  sessionsLostAtLeast: 5,
  sessionsLostFor: '2m',
  /** People do unlink phones, one by one. This many in a quarter of an hour is WhatsApp, or us. */
  loggedOutPer15m: 5,
  /** Above it every callback waits for others: p99 of the emit leaves its budget before the loop is full. */
  eventLoopUtilization: 0.9,
  eventLoopFor: '2m',
  /** Seconds. A fifth of the latency promise: beyond it the measured latency says more about clocks than about us. */
  clockSkewS: 0.05,
  clockSkewFor: '5m',
  targetDownFor: '1m',
  /** Series of one instance: the budget that stays flat from 10 to 10,000 companies. */
  samplesPerInstance: 5000,
  seriesBudgetFor: '10m',
  /** The collector restarts within minutes; traces lost for longer are missed when they are needed. */
  telemetryFailingFor: '10m',
} as const;
