import { RECORDING_RULES } from '../../deploy/prometheus/rule-file.ts';
import { METRICS, type MetricDefinition } from '../../shared/contract/metrics.ts';
import { FOREIGN_SERIES, metricOfSeries } from '../../shared/contract/series.ts';
import { selectors, type Selector } from './promql.ts';

const RECORDED: ReadonlyMap<string, readonly string[]> = new Map(
  RECORDING_RULES.map(({ record, labels = {} }) => [record, Object.keys(labels)]),
);
const COUNTER_FUNCTIONS = new Set(['rate', 'increase', 'irate', 'resets']);

/** What is wrong with the selectors of a query: unknown names and labels, counters read as they stand, gauges rated. */
export function faultsOf(expr: string): readonly string[] {
  return selectors(expr).flatMap((selector) => {
    const labels = labelsOf(selector.name);
    if (!labels) return [`${selector.name} is nobody's: ${expr}`];
    const unknown = selector.labels.filter((label) => !labels.includes(label));
    return [
      ...unknown.map((label) => `${selector.name} has no label ${label}: ${expr}`),
      ...(isReadWrongly(selector, expr) ? [`${selector.name} is read the wrong way: ${expr}`] : []),
    ];
  });
}

function labelsOf(name: string): readonly string[] | undefined {
  const target = ['job', 'instance'];
  const metric = metricOfSeries(name);
  if (metric) return [...METRICS[metric].labels, ...target, ...(name.endsWith('_bucket') ? ['le'] : [])];
  if (Object.hasOwn(FOREIGN_SERIES, name)) return [...FOREIGN_SERIES[name as keyof typeof FOREIGN_SERIES], ...target];
  return RECORDED.get(name);
}

function isReadWrongly({ name, within }: Selector, expr: string): boolean {
  const metric = metricOfSeries(name);
  if (!metric) return false;
  const { type }: MetricDefinition = METRICS[metric];
  const isRated = within.some((call) => COUNTER_FUNCTIONS.has(call));
  if (type === 'gauge') return isRated;
  // A counter younger than the window is taken as it stands: see `grown`.
  return !isRated && !expr.includes(' unless ');
}
