import {
  errorRatio,
  OBJECTIVES,
  RATIO_WINDOWS,
  type ObjectiveName,
  type RatioWindow,
} from '../../shared/contract/objectives.ts';
import { stat, timeseries, type DashboardSpec, type Section } from '../panel.ts';
import { budgetLeft, burnRate } from './objective-queries.ts';

const HEADINGS: Readonly<
  Record<ObjectiveName, { readonly title: string; readonly runbook: string; readonly next: string }>
> = {
  connect_latency: {
    title: '99 % of connects at the browser within 250 ms',
    runbook: 'ConnectLatencyBurn',
    next: 'Where the time goes is on the landing dashboard.',
  },
  delivery: {
    title: '99.9 % of events for open pages delivered',
    runbook: 'DeliveryBurn',
    next: 'The outcomes and repairs are on the socket dashboard.',
  },
  canary: {
    title: '99.9 % of the canary’s messages received',
    runbook: 'CanaryBurn',
    next: 'Which path fails is on the canary dashboard.',
  },
};

/** The windows of the alerts that wake somebody and of those that wait. */
const BURN_WINDOWS: readonly RatioWindow[] = RATIO_WINDOWS.filter((window) => window !== '30d');

function section(slo: ObjectiveName): Section {
  const { title, runbook, next } = HEADINGS[slo];
  const allowed = 1 - OBJECTIVES[slo].objective;
  return {
    title,
    panels: [
      stat({
        title: `Budget left: ${slo}`,
        description: `What is left of the errors of 30 days. Negative: the promise is broken, risky changes wait. ${next}`,
        width: 4,
        height: 8,
        unit: 'percentunit',
        decimals: 1,
        queries: [{ expr: budgetLeft(slo), legend: 'left' }],
        steps: [{ color: 'red' }, { from: 0, color: 'orange' }, { from: 0.25, color: 'green' }],
        links: [{ dashboard: 'runbooks', panel: runbook }],
      }),
      timeseries({
        title: `Burn rate by window: ${slo}`,
        description: `How many times faster than allowed errors happen. 5m and 1h both above 14.4, or 30m and 6h above 6, wake somebody. A short window alone is a blip. ${next}`,
        width: 10,
        unit: 'none',
        queries: BURN_WINDOWS.map((window) => ({ expr: burnRate(window, slo), legend: window })),
        steps: [
          { color: 'green' },
          { from: 1, color: 'yellow' },
          { from: 6, color: 'orange' },
          { from: 14.4, color: 'red' },
        ],
        showSteps: true,
        links: [{ dashboard: 'runbooks', panel: runbook }],
      }),
      timeseries({
        title: `Error ratio: ${slo}`,
        description: `Share of bad events, with the line of what is allowed. Above the line for long: the budget goes. ${next}`,
        width: 10,
        unit: 'percentunit',
        queries: (['5m', '1h', '30d'] as const).map((window) => ({ expr: errorRatio(window, slo), legend: window })),
        steps: [{ color: 'green' }, { from: Number(allowed.toFixed(6)), color: 'red' }],
        showSteps: true,
        links: [{ dashboard: 'connect' }],
      }),
    ],
  };
}

export const objectives: DashboardSpec = {
  name: 'objectives',
  title: 'Objectives and error budgets',
  description: 'The three promises over 30 days: what is left of each budget and how fast it burns.',
  from: 'now-24h',
  sections: (Object.keys(HEADINGS) as readonly ObjectiveName[]).map(section),
};
