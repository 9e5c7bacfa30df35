import {
  errorBudget,
  errorRatio,
  OBJECTIVES,
  RATIO_WINDOWS,
  RECORDED,
  type ObjectiveName,
  type RatioWindow,
} from '../../shared/contract/objectives.ts';
import { buckets, observations, series } from '../../shared/contract/series.ts';
import { alert, type AlertingRule, type RecordingRule, type RuleGroup, type Severity } from './rule.ts';
import { BURN_MIN_BAD_EVENTS, BURN_RATES } from './thresholds.ts';

/** Bad and all events of an objective, as a function (rate or increase) of a window. */
interface Indicator {
  readonly bad: (per: PerWindow) => string;
  readonly total: (per: PerWindow) => string;
  readonly alert: string;
  readonly summary: string;
  readonly description: string;
}
type PerWindow = (selector: string) => string;

const CUSTOMERS_CONNECT = { event: 'connected', synthetic: 'false', delivery: /live|repaired/ } as const;
const SLI = 'whatsapp_connect_to_emit_duration_seconds';
const inTime = buckets(SLI, { ...CUSTOMERS_CONNECT, le: String(OBJECTIVES.connect_latency.boundS) });
const connects = observations(SLI, CUSTOMERS_CONNECT);
const emitted = series('socket_events_total', { outcome: 'emitted', synthetic: 'false' });
const failed = series('socket_events_total', { outcome: /dropped|error/, synthetic: 'false' });
const auditRepairs = series('event_feed_repairs_total', { reason: 'audit' });
const lost = series('canary_messages_total', { result: 'lost' });
const received = series('canary_messages_total', { result: 'received' });

/** A counter that has not counted yet is no series at all, which would make the whole sum disappear. */
function orNothing(expr: string): string {
  return `(${expr} or vector(0))`;
}

function undelivered(per: PerWindow): string {
  return `${orNothing(`sum(${per(failed)})`)} + ${orNothing(`sum(${per(auditRepairs)})`)}`;
}

const INDICATORS: Readonly<Record<ObjectiveName, Indicator>> = {
  connect_latency: {
    bad: (per) => `sum(${per(connects)}) - sum(${per(inTime)})`,
    total: (per) => `sum(${per(connects)})`,
    alert: 'ConnectLatencyBurn',
    summary: 'Connects reach browsers too late',
    description:
      'Salon owners look at a page that does not flip. {{ $value | humanizePercentage }} of connects took longer than 250 ms. Look at "Where the time goes" on the landing dashboard.',
  },
  delivery: {
    bad: undelivered,
    total: (per) => `${orNothing(`sum(${per(emitted)})`)} + ${undelivered(per)}`,
    alert: 'DeliveryBurn',
    summary: 'Events do not reach browsers',
    description:
      '{{ $value | humanizePercentage }} of messages for open pages were no events, failed or had to be found by the audit. Look at the outcomes on the socket dashboard.',
  },
  canary: {
    bad: (per) => orNothing(`sum(${per(lost)})`),
    total: (per) => `sum(${per(received)}) + ${orNothing(`sum(${per(lost)})`)}`,
    alert: 'CanaryBurn',
    summary: 'Canary rounds fail',
    description:
      '{{ $value | humanizePercentage }} of what the canary published was not received. Customers lose events the same way. Look at the canary dashboard: which path?',
  },
};

function recorded(slo: ObjectiveName, window: RatioWindow): RecordingRule {
  const { bad, total } = INDICATORS[slo];
  const rate = (selector: string) => `rate(${selector}[${window}])`;
  return {
    record: RECORDED.errorRatio(window),
    expr: `(${bad(rate)}) / ((${total(rate)}) > 0)`,
    labels: { slo },
  };
}

function burn(slo: ObjectiveName, severity: 'critical' | 'warning'): AlertingRule {
  const { bad, alert: name, summary, description } = INDICATORS[slo];
  const conditions = BURN_RATES[severity].map(({ long, short, factor }) => {
    const burns = (window: RatioWindow) => `${errorRatio(window, slo)} > ${factor} * ${errorBudget(slo)}`;
    const enough = `${bad((selector) => `increase(${selector}[${long}])`)} >= ${BURN_MIN_BAD_EVENTS}`;
    return `(${burns(long)} and ${burns(short)} and on () (${enough}))`;
  });
  return alert({ name, severity, expr: conditions.join(' or '), summary, description });
}

const NAMES = Object.keys(INDICATORS) as readonly ObjectiveName[];
/**
 * From a day on a ratio moves slowly, and each evaluation reads a day of samples. The interval stays well below the 5
 * minutes after which Prometheus takes a sample for gone.
 */
const SLOW: ReadonlySet<RatioWindow> = new Set(['1d', '3d', '30d']);
const SEVERITIES = ['critical', 'warning'] as const satisfies readonly Severity[];

/** Error ratios and budgets of the objectives, and the alerts on how fast a budget burns. */
export const OBJECTIVE_GROUPS: readonly RuleGroup[] = [
  {
    name: 'objectives',
    rules: [
      ...NAMES.map((slo) => ({
        record: RECORDED.errorBudget,
        // What 1 - objective is meant to be: floating point has 0.010000000000000009 for the first.
        expr: `vector(${Number((1 - OBJECTIVES[slo].objective).toFixed(6))})`,
        labels: { slo },
      })),
      ...RATIO_WINDOWS.filter((window) => !SLOW.has(window)).flatMap((window) =>
        NAMES.map((slo) => recorded(slo, window)),
      ),
    ],
  },
  {
    name: 'objectives-slow',
    interval: '2m',
    rules: RATIO_WINDOWS.filter((window) => SLOW.has(window)).flatMap((window) =>
      NAMES.map((slo) => recorded(slo, window)),
    ),
  },
  {
    name: 'objective-alerts',
    rules: NAMES.flatMap((slo) => SEVERITIES.map((severity) => burn(slo, severity))),
  },
];
