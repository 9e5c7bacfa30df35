import { TraceFlags, type HrTime } from '@opentelemetry/api';
import { ExportResultCode, type ExportResult } from '@opentelemetry/core';
import { BatchSpanProcessor, type ReadableSpan, type SpanExporter, type SpanProcessor } from '@opentelemetry/sdk-trace';
import { WallClock } from '../lifecycle/wall-clock.ts';
import type { Logger } from './logger.ts';
import { addLostSpans } from './lost-spans.ts';

/** Sampled spans that wait for their export; beyond it they are dropped and counted. */
const MAX_QUEUED_SPANS = 2048;
const LOG_PERIOD_MS = 60_000;
/** What may pass until a span that has just begun or ended is known here. */
const MAX_PAUSE_US = 10e6;

/**
 * Sends sampled spans in batches. What the receiver does not take, and what does not fit into the queue while it is
 * away, is counted and logged at most once a minute.
 */
export function exportSpans(exporter: SpanExporter, logger: Logger): SpanProcessor {
  const losses = new Losses(logger);
  const clock = new WallClock();
  let queued = 0;
  const counting: SpanExporter = {
    export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
      queued -= spans.length;
      exporter.export(spans, (result) => {
        if (result.code !== ExportResultCode.SUCCESS) losses.add(spans.length, result.error);
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
  };
  const batches = new BatchSpanProcessor({ exporter: counting, maxQueueSize: MAX_QUEUED_SPANS });
  return {
    onStart(span, parent) {
      Object.assign(span, { startTime: exactly(span.startTime, clock.nowMicros()) });
      batches.onStart(span, parent);
    },
    onEnd(span) {
      if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) === 0) return;
      if (queued >= MAX_QUEUED_SPANS) {
        losses.add(1, new Error(`more than ${MAX_QUEUED_SPANS} spans wait for their export`));
        return;
      }
      queued += 1;
      Object.assign(span, { endTime: exactly(span.endTime, clock.nowMicros()) });
      batches.onEnd(span);
    },
    forceFlush: () => batches.forceFlush(),
    shutdown: () => batches.shutdown(),
  };
}

const NANOS_PER_MS = 1e6;
const LAST_US_OF_MS = 999;

/**
 * The SDK begins spans at a whole ms of the wall clock, and ends at one those whose start it was given: a child seems to
 * begin before its parent, by as much as the way through the broker takes. Any other time is left as it is.
 */
function exactly(time: HrTime, nowUs: number): HrTime {
  const [seconds, nanos] = time;
  const cutUs = nowUs - (seconds * 1e6 + nanos / 1000);
  if (nanos % NANOS_PER_MS !== 0 || cutUs < 0 || cutUs > MAX_PAUSE_US) return time;
  return [seconds, nanos + Math.min(cutUs, LAST_US_OF_MS) * 1000];
}

class Losses {
  readonly #logger: Logger;
  #silentUntilMs = 0;
  #unsaid = 0;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  add(spans: number, error: Error | undefined): void {
    addLostSpans(spans);
    this.#unsaid += spans;
    const now = performance.now();
    if (now < this.#silentUntilMs) return;
    this.#silentUntilMs = now + LOG_PERIOD_MS;
    this.#logger.warn({ signal: 'traces', spans: this.#unsaid, reason: error?.message }, 'spans were not exported');
    this.#unsaid = 0;
  }
}
