import {
  METRICS,
  type LabelsOf,
  type MetricDefinition,
  type MetricName,
  type MetricNameOf,
} from '../shared/contract/metrics.ts';
import {
  buckets,
  foreignSeries,
  observations,
  series,
  type ForeignSeries,
  type Matcher,
  type Matchers,
  type TargetLabel,
} from '../shared/contract/series.ts';

/** One query of a panel. */
export interface Query {
  readonly expr: string;
  /** `{{label}}` stands for the value of a label. */
  readonly legend: string;
  /** Show the traces behind the numbers. */
  readonly exemplars?: boolean;
  /** One value, of now, instead of a line. */
  readonly instant?: boolean;
}

interface Choice<Name extends MetricName> {
  readonly where?: Matchers<LabelsOf<Name>>;
  readonly by?: readonly (LabelsOf<Name> | TargetLabel)[];
}

const RATE_INTERVAL = '$__rate_interval';

/** What the variables at the top of a dashboard select, for a metric with these labels. */
function selected(labels: readonly string[]): Record<string, Matcher> {
  return {
    job: /$job/,
    instance: /$instance/,
    ...(labels.includes('event') && { event: /$event/ }),
    ...(labels.includes('synthetic') && { synthetic: /$synthetic/ }),
  };
}

function chosen<Name extends MetricName>(
  name: Name,
  where: Matchers<LabelsOf<Name>> | undefined,
): Matchers<LabelsOf<Name>> {
  const definition: MetricDefinition = METRICS[name];
  return { ...selected(definition.labels), ...where };
}

export function by(labels: readonly string[] | undefined): string {
  return labels === undefined || labels.length === 0 ? '' : ` by (${labels.join(', ')})`;
}

/** Events a second of a counter. */
export function perSecond<Name extends MetricNameOf<'counter'>>(
  name: Name,
  { where, by: labels }: Choice<Name> = {},
): string {
  return `sum${by(labels)} (rate(${series(name, chosen(name, where))}[${RATE_INTERVAL}]))`;
}

/** Events of a counter over the shown time. */
export function countOverRange<Name extends MetricNameOf<'counter'>>(
  name: Name,
  { where, by: labels }: Choice<Name> = {},
): string {
  return `sum${by(labels)} (increase(${series(name, chosen(name, where))}[$__range]))`;
}

/** The current values of a gauge, put together. */
export function current<Name extends MetricNameOf<'gauge'>>(
  aggregation: 'sum' | 'max' | 'min',
  name: Name,
  { where, by: labels }: Choice<Name> = {},
): string {
  return `${aggregation}${by(labels)} (${series(name, chosen(name, where))})`;
}

/** Seconds that a share `q` of the observations stayed below. No line, instead of NaN, while nothing was observed. */
export function quantile<Name extends MetricNameOf<'histogram'>>(
  q: number,
  name: Name,
  { where, by: labels = [] }: Choice<Name> = {},
): string {
  const matchers = chosen(name, where);
  const histogram = `sum by (${['le', ...labels].join(', ')}) (rate(${buckets(name, matchers)}[${RATE_INTERVAL}]))`;
  const observed = `sum${by(labels)} (rate(${observations(name, matchers)}[${RATE_INTERVAL}])) > 0`;
  return `histogram_quantile(${q}, ${histogram}) and on (${labels.join(', ')}) ${observed}`;
}

/** Observations a second of a histogram. */
export function observedPerSecond<Name extends MetricNameOf<'histogram'>>(
  name: Name,
  { where, by: labels }: Choice<Name> = {},
): string {
  return `sum${by(labels)} (rate(${observations(name, chosen(name, where))}[${RATE_INTERVAL}]))`;
}

/** The buckets of a histogram for a heatmap. */
export function heat<Name extends MetricNameOf<'histogram'>>(name: Name, where?: Matchers<LabelsOf<Name>>): string {
  return `sum by (le) (increase(${buckets(name, chosen(name, where))}[${RATE_INTERVAL}]))`;
}

/** A series that is not ours, of the selected jobs and instances. */
export function foreign(name: ForeignSeries): string {
  return foreignSeries(name, selected([]));
}

export function foreignPerSecond(name: ForeignSeries, labels?: readonly string[]): string {
  return `sum${by(labels)} (rate(${foreign(name)}[${RATE_INTERVAL}]))`;
}
