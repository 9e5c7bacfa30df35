import { performance } from 'node:perf_hooks';
import { Counter, Gauge, Registry, collectDefaultMetrics, type Metric, type OpenMetricsContentType } from 'prom-client';
import {
  METRICS,
  type LabelsOf,
  type MetricDefinition,
  type MetricName,
  type MetricNameOf,
} from '../contract/metrics.ts';
import { DurationHistogram } from './duration-histogram.ts';
import { lostSpanCount } from './lost-spans.ts';

type OpenMetricsRegistry = Registry<OpenMetricsContentType>;

type LabelValues<Label extends string> = Readonly<Record<Label, string>>;
/** All labels of a metric, none left out and none besides; nothing for a metric without labels. */
type LabelArguments<Label extends string> = [Label] extends [never] ? [] : [labels: LabelValues<Label>];

/** prom-client's own types accept a part of the labels, which makes a series that no query expects. */
export interface LabelledCounter<Label extends string> {
  inc(...args: [...LabelArguments<Label>, value?: number]): void;
}

export interface LabelledGauge<Label extends string> {
  set(...args: [...LabelArguments<Label>, value: number]): void;
  inc(...args: [...LabelArguments<Label>, value?: number]): void;
  /** Forgets all series, so that a scrape sets those that are. */
  reset(): void;
}

/** One series of a counter, found once: counting is an addition, where a look-up by labels costs about 0.5 µs. */
export interface CounterSeries {
  inc(): void;
}

/**
 * The metrics of one service: instruments are made by their name in the contract, with its labels and buckets, so that
 * an unplanned metric or label does not compile. Asking twice for a name answers the same instrument.
 */
export class Metrics {
  /** OpenMetrics, because only that format carries exemplars. */
  readonly registry = openMetricsRegistry();
  readonly #instruments = new Map<MetricName, Counter | Gauge | DurationHistogram>();
  readonly #series = new Map<MetricName, PulledSeries[]>();

  counter<Name extends MetricNameOf<'counter'>>(name: Name): LabelledCounter<LabelsOf<Name>> {
    return this.#counter(name) as unknown as LabelledCounter<LabelsOf<Name>>;
  }

  /** For the hot path: what it counts is handed over at each scrape. The series is there from the start, at 0. */
  counterSeries<Name extends MetricNameOf<'counter'>>(name: Name, labels: LabelValues<LabelsOf<Name>>): CounterSeries {
    let total = 0;
    this.pullCounter(name, labels, () => total);
    return { inc: () => void (total += 1) };
  }

  /** A series whose value is kept elsewhere: `total` is asked at each scrape and never falls. */
  pullCounter<Name extends MetricNameOf<'counter'>>(
    name: Name,
    labels: LabelValues<LabelsOf<Name>>,
    total: () => number,
  ): void {
    this.#counter(name).inc(labels, 0);
    this.#series.set(name, [...(this.#series.get(name) ?? []), { labels, total, handedOver: 0 }]);
  }

  /** `collect` runs at each scrape, before the gauge is read. */
  gauge<Name extends MetricNameOf<'gauge'>>(
    name: Name,
    collect?: (gauge: LabelledGauge<LabelsOf<Name>>) => void,
  ): LabelledGauge<LabelsOf<Name>> {
    return this.#once(name, () => {
      const gauge: Gauge = new Gauge({
        ...this.#options(name),
        ...(collect && { collect: () => collect(gauge as unknown as LabelledGauge<LabelsOf<Name>>) }),
      });
      return gauge;
    }) as unknown as LabelledGauge<LabelsOf<Name>>;
  }

  histogram<Name extends MetricNameOf<'histogram'>>(name: Name): DurationHistogram<LabelsOf<Name>> {
    const { help, labels, buckets } = METRICS[name];
    return this.#once(name, () => {
      const histogram = new DurationHistogram({ name, help, labelNames: labels, buckets });
      // prom-client's type names its own classes; its registry asks a metric for its name and `get` alone.
      this.registry.registerMetric(histogram as unknown as Metric);
      return histogram;
    });
  }

  #counter(name: MetricNameOf<'counter'>): Counter {
    return this.#once(name, () => {
      const counter: Counter = new Counter({
        ...this.#options(name),
        enableExemplars: false,
        collect: () => {
          for (const series of this.#series.get(name) ?? []) {
            const total = series.total();
            counter.inc(series.labels, total - series.handedOver);
            series.handedOver = total;
          }
        },
      });
      return counter;
    });
  }

  #options(name: MetricName): { name: string; help: string; labelNames: string[]; registers: OpenMetricsRegistry[] } {
    const definition: MetricDefinition = METRICS[name];
    return { name, help: definition.help, labelNames: [...definition.labels], registers: [this.registry] };
  }

  #once<Instrument extends Counter | Gauge | DurationHistogram>(
    name: MetricName,
    create: () => Instrument,
  ): Instrument {
    const existing = this.#instruments.get(name);
    // The type of a metric is part of its name's definition, so the same name is always the same class.
    if (existing) return existing as Instrument;
    const created = create();
    this.#instruments.set(name, created);
    return created;
  }
}

interface PulledSeries {
  readonly labels: LabelValues<string>;
  readonly total: () => number;
  /** How much of the total is in the counter. */
  handedOver: number;
}

/** The metrics of a process: the contract's instruments, Node's defaults and the build information. */
export function createProcessMetrics(service: string, version: string): Metrics {
  const metrics = new Metrics();
  collectDefaultMetrics({ register: metrics.registry });
  metrics.gauge('service_build_info').set({ service, version }, 1);
  metrics.pullCounter('telemetry_export_failures_total', { signal: 'traces' }, lostSpanCount);
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
