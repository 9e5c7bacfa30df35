import { performance } from 'node:perf_hooks';
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics, type OpenMetricsContentType } from 'prom-client';
import {
  METRICS,
  type LabelsOf,
  type MetricDefinition,
  type MetricName,
  type MetricNameOf,
} from '../contract/metrics.ts';

type OpenMetricsRegistry = Registry<OpenMetricsContentType>;

/** Links an observation to the trace it was made in. Given for sampled spans only: the others lead nowhere. */
export type Exemplar = { readonly trace_id: string; readonly span_id: string };

/** A histogram of durations. prom-client's own type takes exemplar labels for labels of the metric. */
export interface DurationHistogram<Label extends string> {
  /** `value` is in seconds. */
  observe(observation: {
    readonly labels: Readonly<Record<Label, string>>;
    readonly value: number;
    readonly exemplarLabels?: Exemplar;
  }): void;
}

/**
 * The metrics of one service: instruments are made by their name in the contract, with its labels and buckets, so that
 * an unplanned metric or label does not compile. Asking twice for a name answers the same instrument.
 */
export class Metrics {
  /** OpenMetrics, because only that format carries exemplars. */
  readonly registry = openMetricsRegistry();
  readonly #instruments = new Map<MetricName, Counter | Gauge | Histogram>();

  counter<Name extends MetricNameOf<'counter'>>(name: Name): Counter<LabelsOf<Name>> {
    return this.#once(name, () => new Counter({ ...this.#options(name), enableExemplars: false }));
  }

  /** `collect` runs at each scrape, before the gauge is read. */
  gauge<Name extends MetricNameOf<'gauge'>>(name: Name, collect?: (gauge: Gauge) => void): Gauge<LabelsOf<Name>> {
    return this.#once(name, () => {
      const gauge: Gauge = new Gauge({ ...this.#options(name), ...(collect && { collect: () => collect(gauge) }) });
      return gauge;
    });
  }

  histogram<Name extends MetricNameOf<'histogram'>>(name: Name): DurationHistogram<LabelsOf<Name>> {
    const { buckets } = METRICS[name];
    const histogram: Histogram = this.#once(
      name,
      () => new Histogram({ ...this.#options(name), buckets: [...buckets], enableExemplars: true }),
    );
    return { observe: (observation) => histogram.observe(observation) };
  }

  #options(name: MetricName): { name: string; help: string; labelNames: string[]; registers: OpenMetricsRegistry[] } {
    const definition: MetricDefinition = METRICS[name];
    return { name, help: definition.help, labelNames: [...definition.labels], registers: [this.registry] };
  }

  #once<Instrument extends Counter | Gauge | Histogram>(name: MetricName, create: () => Instrument): Instrument {
    const existing = this.#instruments.get(name);
    // The type of a metric is part of its name's definition, so the same name is always the same class.
    if (existing) return existing as Instrument;
    const created = create();
    this.#instruments.set(name, created);
    return created;
  }
}

/** The metrics of a process: the contract's instruments, Node's defaults and the build information. */
export function createProcessMetrics(service: string, version: string): Metrics {
  const metrics = new Metrics();
  collectDefaultMetrics({ register: metrics.registry });
  metrics.gauge('service_build_info').set({ service, version }, 1);
  let last = performance.eventLoopUtilization();
  metrics.gauge('nodejs_eventloop_utilization_ratio', (gauge) => {
    const now = performance.eventLoopUtilization();
    gauge.set(performance.eventLoopUtilization(now, last).utilization);
    last = now;
  });
  return metrics;
}

function openMetricsRegistry(): OpenMetricsRegistry {
  const registry: OpenMetricsRegistry = new Registry();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  return registry;
}
