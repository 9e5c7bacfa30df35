import type { DurationSeries } from '../telemetry/duration-histogram.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { errorTypeOf } from '../telemetry/spans.ts';

/** What is done with messages: the `messaging_operation_name` label. */
export type SendOperation = 'publish' | 'request';

/** An error type of `''` is success: for Prometheus a label without a value is none. */
const SUCCESS = '';

/** Messages of a service by operation and low-cardinality subject, as the messaging conventions of OpenTelemetry name them. */
export class MessagingInstruments {
  readonly #metrics: Metrics;
  readonly #sent;
  readonly #consumed;
  readonly #operations;
  readonly #processing;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    this.#sent = metrics.counter('messaging_client_sent_messages_total');
    this.#consumed = metrics.counter('messaging_client_consumed_messages_total');
    this.#operations = metrics.histogram('messaging_client_operation_duration_seconds');
    this.#processing = metrics.histogram('messaging_process_duration_seconds');
  }

  /** Measures a publish or a request until its answer. Rejects with what it rejects with. */
  async send<T>(operation: SendOperation, template: string, work: () => Promise<T>): Promise<T> {
    const started = performance.now();
    try {
      const result = await work();
      this.#observeSent(operation, template, { started, errorType: SUCCESS });
      return result;
    } catch (error) {
      this.#observeSent(operation, template, { started, errorType: errorTypeOf(error) });
      throw error;
    }
  }

  /** Measures the processing of one message; `errorTypeOfResult` is for failures that are answered instead of thrown. */
  async process<T>(
    template: string,
    work: () => Promise<T>,
    errorTypeOfResult: (result: T) => string | undefined = () => undefined,
  ): Promise<T> {
    const started = performance.now();
    let errorType = SUCCESS;
    try {
      const result = await work();
      errorType = errorTypeOfResult(result) ?? SUCCESS;
      return result;
    } catch (error) {
      errorType = errorTypeOf(error);
      throw error;
    } finally {
      const labels = labelsOf('process', template, errorType);
      this.#consumed.inc(labels);
      this.#processing.observe({ labels, value: (performance.now() - started) / 1000 });
    }
  }

  /** One outcome of processing on the hot path: counting costs an addition. */
  processing(template: string, errorType = SUCCESS) {
    const labels = labelsOf('process', template, errorType);
    const consumed = this.#metrics.counterSeries('messaging_client_consumed_messages_total', labels);
    let processed: DurationSeries | undefined;
    return {
      consumed: () => consumed.inc(),
      processed: (seconds: number) => (processed ??= this.#processing.series(labels)).observe(seconds),
    };
  }

  #observeSent(
    operation: SendOperation,
    template: string,
    { started, errorType }: { started: number; errorType: string },
  ): void {
    const labels = labelsOf(operation, template, errorType);
    this.#sent.inc(labels);
    this.#operations.observe({ labels, value: (performance.now() - started) / 1000 });
  }
}

function labelsOf(operation: string, template: string, errorType: string) {
  return {
    messaging_operation_name: operation,
    messaging_destination_template: template,
    error_type: errorType,
  };
}
