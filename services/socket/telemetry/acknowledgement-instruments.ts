import type { SessionEvent } from '../../../shared/contract/events.ts';
import { eventLabel } from '../../../shared/contract/metrics.ts';
import type { Exemplar } from '../../../shared/telemetry/duration-histogram.ts';
import type { Logger } from '../../../shared/telemetry/logger.ts';
import type { Metrics } from '../../../shared/telemetry/metrics.ts';

export interface Receipt {
  /** Of the connection at the moment of the acknowledgement. */
  readonly transport: string;
  /** From the first emit. */
  readonly seconds: number;
  readonly exemplar: Exemplar | undefined;
}

/** Whether browsers got the final states of their sessions, by their own word. */
export class AcknowledgementInstruments {
  readonly #logger: Logger;
  readonly #durations;
  readonly #outcomes;

  constructor(logger: Logger, metrics: Metrics) {
    this.#logger = logger;
    this.#durations = metrics.histogram('whatsapp_browser_ack_duration_seconds');
    this.#outcomes = metrics.counter('whatsapp_browser_acks_total');
    // Rates and alerts need the series before the first one.
    for (const outcome of ['acknowledged', 'retried', 'missing'])
      this.#outcomes.inc({ event: 'connected', outcome }, 0);
  }

  acknowledged({ type, companyId }: SessionEvent, { transport, seconds, exemplar }: Receipt): void {
    const event = eventLabel(type);
    this.#outcomes.inc({ event, outcome: 'acknowledged' });
    const labels = { event, transport: transport === 'polling' ? 'polling' : 'websocket' };
    this.#durations.observe({ labels, value: seconds, ...(exemplar && { exemplarLabels: exemplar }) });
    this.#logger.debug({ 'company.id': companyId, event: type, seconds }, 'a browser acknowledged a state');
  }

  /** Sent again, because the browser did not answer in time. */
  retried({ type }: SessionEvent): void {
    this.#outcomes.inc({ event: eventLabel(type), outcome: 'retried' });
  }

  /** The browser is connected and has not answered any attempt. */
  missing({ type, companyId }: SessionEvent): void {
    this.#outcomes.inc({ event: eventLabel(type), outcome: 'missing' });
    this.#logger.warn({ 'company.id': companyId, event: type }, 'a browser never acknowledged a state');
  }
}
