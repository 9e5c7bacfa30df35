/**
 * Given to `--import` before a service's own code, so that tracing is ready when the first span starts. `OTEL_*` is the
 * SDK's to read. Spans always get ids, because headers, logs and exemplars carry them; they leave the process (OTLP over
 * HTTP) only when an endpoint is configured. `OTEL_TRACES_SAMPLER` replaces the sampler of production.
 */
import { hostname } from 'node:os';
import { basename, dirname } from 'node:path';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { NoopSpanProcessor } from '@opentelemetry/sdk-trace';
import { readEnv } from '../config/env.ts';
import { readVersion } from '../lifecycle/version.ts';
import { productionSampler } from './connect-sampler.ts';
import { createLogger } from './logger.ts';
import { exportSpans } from './span-export.ts';

const env = readEnv([
  { name: 'OTEL_EXPORTER_OTLP_ENDPOINT', help: 'base URL of the OTLP receiver; spans leave the process only when set' },
  { name: 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', help: 'the same, for traces alone' },
  { name: 'OTEL_TRACES_SAMPLER', help: 'a sampler of the SDK instead of the one for production' },
  { name: 'OTEL_SERVICE_NAME', help: 'name of the service in traces' },
  { name: 'REPLICA_ID', help: 'name of this replica' },
]);

const serviceName = env.OTEL_SERVICE_NAME ?? basename(dirname(process.argv[1] ?? 'broker/main'));
const exporting = (env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? env.OTEL_EXPORTER_OTLP_ENDPOINT) !== undefined;
const logger = createLogger({ name: serviceName, level: 'warn' });

const sdk = new NodeSDK({
  serviceName,
  // The others would add the command line and the user to every batch.
  resourceDetectors: [envDetector],
  resource: resourceFromAttributes({
    'service.version': readVersion(),
    'service.instance.id': env.REPLICA_ID ?? `${hostname()}-${process.pid}`,
  }),
  textMapPropagator: new W3CTraceContextPropagator(),
  // The SDK registers no tracer provider without a processor, and then there would be no ids either.
  spanProcessors: [exporting ? exportSpans(new OTLPTraceExporter(), logger) : new NoopSpanProcessor()],
  ...(env.OTEL_TRACES_SAMPLER === undefined && { sampler: productionSampler() }),
  metricReaders: [],
  logRecordProcessors: [],
});
sdk.start();

// An orderly stop leaves nothing on the event loop: the last moment to send what is still in the batch.
process.once('beforeExit', () => {
  void sdk.shutdown().catch((error: unknown) => {
    logger.warn({ err: error }, 'the last spans were not exported');
  });
});
