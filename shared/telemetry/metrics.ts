import { performance } from 'node:perf_hooks';
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics, type OpenMetricsContentType } from 'prom-client';
import {
  METRICS,
  type LabelsOf,
  type MetricDefinition,
  type MetricName,
  type MetricNameOf,
} from '../contract/metrics.ts';

/**
 * The metrics of one service: instruments are made by their name in the contract, with its labels and buckets, so that
 * an unplanned metric or label does not compile. Asking twice for a name answers the same instrument.
 */
export class Metrics {
  /** OpenMetrics, because only that format carries exemplars. */
  readonly registry = openMetricsRegistry();
  readonly #instruments = new Map<MetricName, Counter | Gauge | Histogram>();

  counter<Name extends MetricNameOf<'counter'>>(name: Name): Counter<LabelsOf<Name>> {
    return this.#once(name, () => new Counter({ ...this.#options(name), enableExemplars: false })) as Counter<
      LabelsOf<Name>
    >;
  }

  /** `collect` runs at each scrape, before the gauge is read. */
  gauge<Name extends MetricNameOf<'gauge'>>(name: Name, collect?: (gauge: Gauge) => void): Gauge<LabelsOf<Name>> {
    return this.#once(name, () => {
      const gauge: Gauge = new Gauge({ ...this.#options(name), ...(collect && { collect: () => collect(gauge) }) });
      return gauge;
    }) as Gauge<LabelsOf<Name>>;
  }

  /** Unit seconds. Pass an exemplar only for sampled spans, with `trace_id` and `span_id` alone. */
  histogram<Name extends MetricNameOf<'histogram'>>(name: Name): Histogram<LabelsOf<Name>> {
    const { buckets } = METRICS[name];
    return this.#once(
      name,
      () => new Histogram({ ...this.#options(name), buckets: [...buckets], enableExemplars: true }),
    ) as Histogram<LabelsOf<Name>>;
  }

  #options(name: MetricName): { name: string; help: string; labelNames: string[]; registers: Registry[] } {
    const definition: MetricDefinition = METRICS[name];
    // The registry is typed by its content type; instruments only ever register with it.
    const registers = [this.registry as unknown as Registry];
    return { name, help: definition.help, labelNames: [...definition.labels], registers };
  }

  #once(name: MetricName, create: () => Counter | Gauge | Histogram): Counter | Gauge | Histogram {
    const existing = this.#instruments.get(name);
    if (existing) return existing;
    const created = create();
    this.#instruments.set(name, created);
    return created;
  }
}

/** The metrics of a process: the contract's instruments, Node's defaults and the build information. */
export function createProcessMetrics(service: string, version: string): Metrics {
  const metrics = new Metrics();
  collectDefaultMetrics({ register: metrics.registry as unknown as Registry });
  metrics.gauge('service_build_info').set({ service, version }, 1);
  let last = performance.eventLoopUtilization();
  metrics.gauge('nodejs_eventloop_utilization_ratio', (gauge) => {
    const now = performance.eventLoopUtilization();
    gauge.set(performance.eventLoopUtilization(now, last).utilization);
    last = now;
  });
  return metrics;
}

function openMetricsRegistry(): Registry<OpenMetricsContentType> {
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  return registry;
}
