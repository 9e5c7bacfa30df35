import type { EventType, SessionEvent } from '../../../shared/contract/events.ts';
import { eventLabel } from '../../../shared/contract/metrics.ts';
import type { DurationSeries } from '../../../shared/telemetry/duration-histogram.ts';
import type { CounterSeries, Metrics } from '../../../shared/telemetry/metrics.ts';

/** What one live delivery is counted and measured in. */
export interface LiveSeries {
  readonly emitted: CounterSeries;
  readonly connectToEmit: DurationSeries;
  readonly brokerTransit: DurationSeries;
  readonly route: DurationSeries;
  readonly emit: DurationSeries;
}

/** Finds the series of a live delivery: by labels once for each type of event, and then by a single look-up. */
export class LiveSeriesIndex {
  readonly #metrics: Metrics;
  readonly #customer = new Map<EventType, LiveSeries>();
  readonly #synthetic = new Map<EventType, LiveSeries>();

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  of({ type, synthetic }: SessionEvent): LiveSeries {
    const index = synthetic === true ? this.#synthetic : this.#customer;
    const existing = index.get(type);
    if (existing) return existing;
    const created = this.#create(eventLabel(type), String(synthetic === true));
    index.set(type, created);
    return created;
  }

  #create(event: string, synthetic: string): LiveSeries {
    const stages = this.#metrics.histogram('whatsapp_event_stage_duration_seconds');
    const connects = this.#metrics.histogram('whatsapp_connect_to_emit_duration_seconds');
    return {
      emitted: this.#metrics.counterSeries('socket_events_total', { event, outcome: 'emitted', synthetic }),
      connectToEmit: connects.series({ event, synthetic, delivery: 'live' }),
      brokerTransit: stages.series({ stage: 'broker_transit', synthetic }),
      route: stages.series({ stage: 'route', synthetic }),
      emit: stages.series({ stage: 'emit', synthetic }),
    };
  }
}
