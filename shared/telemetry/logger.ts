import { trace } from '@opentelemetry/api';
import pino from 'pino';
import { hidingSecrets } from './secrets.ts';
import { traceFieldsOf } from './spans.ts';

/** The logger that services pass around: pino, JSON lines on standard output. */
export type Logger = pino.Logger;

export interface LoggerOptions {
  /** The service, as in `service.name`. */
  readonly name: string;
  readonly level: string;
  readonly destination?: pino.DestinationStream;
}

/**
 * JSON lines with the trace of the active span. Callers never log a QR, a pairing code, a key, a token or a full phone
 * number; `hidingSecrets` is the net under that rule, for a line and the objects in it.
 */
export function createLogger({ name, level, destination }: LoggerOptions): Logger {
  const options: pino.LoggerOptions = {
    name,
    level,
    ...hidingSecrets,
    mixin: () => traceFieldsOf(trace.getActiveSpan()),
  };
  return destination ? pino(options, destination) : pino(options);
}
