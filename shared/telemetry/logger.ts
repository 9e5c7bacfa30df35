import { trace } from '@opentelemetry/api';
import pino from 'pino';
import { hidingSecrets } from './secrets.ts';

/** The logger that services pass around: pino, JSON lines on standard output. */
export type Logger = pino.Logger;

export interface LoggerOptions {
  /** The service, as in `service.name`. */
  readonly name: string;
  readonly level: string;
  readonly destination?: pino.DestinationStream;
}

/**
 * JSON lines with `trace_id`, `span_id` and `trace_flags` of the active span, the field names of the OpenTelemetry log
 * data model. Callers never log a QR, a pairing code, a key, a token or a full phone number; `hidingSecrets` is the net
 * under that rule, for a line and the objects in it.
 */
export function createLogger({ name, level, destination }: LoggerOptions): Logger {
  const options: pino.LoggerOptions = {
    name,
    level,
    ...hidingSecrets,
    mixin() {
      const context = trace.getActiveSpan()?.spanContext();
      if (!context) return {};
      return { trace_id: context.traceId, span_id: context.spanId, trace_flags: `0${context.traceFlags.toString(16)}` };
    },
  };
  return destination ? pino(options, destination) : pino(options);
}
