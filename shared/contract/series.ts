import { METRICS, type LabelsOf, type MetricName, type MetricNameOf } from './metrics.ts';

/** Labels that Prometheus adds to every series it scrapes. */
export type TargetLabel = 'job' | 'instance';

/** A text must be equal; a regular expression must match the whole value, and may hold variables of Grafana. */
export type Matcher = string | RegExp;
export type Matchers<Label extends string> = { readonly [Name in Label | TargetLabel]?: Matcher | undefined };

/**
 * Series that are not ours: Prometheus's own, Node's defaults by prom-client and those of prometheus-nats-exporter
 * (varz and jsz), with the labels that are used.
 */
export const FOREIGN_SERIES = {
  up: [],
  scrape_samples_scraped: [],
  scrape_duration_seconds: [],
  ALERTS: ['alertname', 'alertstate', 'severity'],
  process_start_time_seconds: [],
  process_cpu_seconds_total: [],
  process_resident_memory_bytes: [],
  process_open_fds: [],
  nodejs_heap_size_used_bytes: [],
  nodejs_heap_size_total_bytes: [],
  nodejs_eventloop_lag_p99_seconds: [],
  nodejs_gc_duration_seconds_sum: ['kind'],
  gnatsd_varz_connections: ['server_id'],
  gnatsd_varz_subscriptions: ['server_id'],
  gnatsd_varz_slow_consumers: ['server_id'],
  gnatsd_varz_in_msgs: ['server_id'],
  gnatsd_varz_out_msgs: ['server_id'],
  gnatsd_varz_in_bytes: ['server_id'],
  gnatsd_varz_out_bytes: ['server_id'],
  gnatsd_varz_cpu: ['server_id'],
  gnatsd_varz_mem: ['server_id'],
  jetstream_stream_total_messages: ['stream_name'],
  jetstream_stream_total_bytes: ['stream_name'],
  jetstream_stream_last_seq: ['stream_name'],
  jetstream_server_total_message_bytes: ['server_id'],
} as const satisfies Record<string, readonly string[]>;
export type ForeignSeries = keyof typeof FOREIGN_SERIES;

/** A PromQL selector of a counter or gauge; an unknown name or label does not compile. */
export function series<Name extends MetricNameOf<'counter' | 'gauge'>>(
  name: Name,
  matchers: Matchers<LabelsOf<Name>> = {},
): string {
  return select(name, matchers);
}

/** The buckets of a histogram. */
export function buckets<Name extends MetricNameOf<'histogram'>>(
  name: Name,
  matchers: Matchers<LabelsOf<Name>> & { readonly le?: Matcher } = {},
): string {
  return select(`${name}_bucket`, matchers);
}

/** How often a histogram was observed. */
export function observations<Name extends MetricNameOf<'histogram'>>(
  name: Name,
  matchers: Matchers<LabelsOf<Name>> = {},
): string {
  return select(`${name}_count`, matchers);
}

export function foreignSeries<Name extends ForeignSeries>(
  name: Name,
  matchers: Matchers<(typeof FOREIGN_SERIES)[Name][number]> = {},
): string {
  return select(name, matchers);
}

/** The metric that a series belongs to: histograms are stored as `_bucket`, `_sum` and `_count`. */
export function metricOfSeries(seriesName: string): MetricName | undefined {
  const base = seriesName.replace(/_(bucket|sum|count)$/, '');
  return [seriesName, base].find((name): name is MetricName => Object.hasOwn(METRICS, name));
}

/** A selector of any name, such as that of a recording rule. */
export function select(name: string, matchers: Readonly<Record<string, Matcher | undefined>>): string {
  const all = Object.entries(matchers).flatMap(([label, matcher]) =>
    matcher === undefined
      ? []
      : [typeof matcher === 'string' ? `${label}="${matcher}"` : `${label}=~"${matcher.source}"`],
  );
  return all.length === 0 ? name : `${name}{${all.join(', ')}}`;
}
