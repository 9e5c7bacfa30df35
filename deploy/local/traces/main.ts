/** Takes the spans of the local processes and shows them as pages: `npm start -- --observe` runs it. */
import { createServer } from 'node:http';
import { join } from 'node:path';
import { bodyParser } from '@koa/bodyparser';
import Router from '@koa/router';
import Koa from 'koa';
import { COMMON_VARIABLES, toCommonConfig } from '../../../shared/config/common.ts';
import { ConfigFaults } from '../../../shared/config/config-faults.ts';
import type { RawEnv, Variable } from '../../../shared/config/env.ts';
import { errorMiddleware, HttpError } from '../../../shared/http/http-error.ts';
import { closeServer, listen } from '../../../shared/http/listen.ts';
import { run, type Service } from '../../../shared/lifecycle/run.ts';
import type { Logger } from '../../../shared/telemetry/logger.ts';
import { parseOtlpTraces } from './otlp.ts';
import { renderList, renderTrace } from './trace-page.ts';
import { TraceStore } from './trace-store.ts';

const VARIABLES = [
  ...COMMON_VARIABLES,
  { name: 'TRACE_UI_PORT', help: 'port of the pages and of the OTLP receiver', fallback: '3006' },
] as const satisfies readonly Variable[];

process.exitCode = await run({ name: 'traces', variables: VARIABLES, toConfig, start });

function toConfig(raw: RawEnv<(typeof VARIABLES)[number]['name']>) {
  const faults = new ConfigFaults();
  const config = { ...toCommonConfig(raw, faults), port: faults.port('TRACE_UI_PORT', raw.TRACE_UI_PORT, 3006) };
  faults.throwIfAny();
  return config;
}

async function start({ port, dataDir }: ReturnType<typeof toConfig>, logger: Logger): Promise<Service> {
  const handle = createApp(new TraceStore(), { logs: join(dataDir, '..', 'logs'), logger }).callback();
  // Koa answers every failure itself: this promise never rejects.
  const server = createServer((request, response) => void handle(request, response));
  await listen(server, { port, variable: 'TRACE_UI_PORT', logger });
  return { stop: () => closeServer(server) };
}

function createApp(store: TraceStore, { logs, logger }: { logs: string; logger: Logger }): Koa {
  const router = new Router();
  router.post('/v1/traces', bodyParser({ enableTypes: ['json'], jsonLimit: '16mb' }), (ctx) => {
    store.add(parseOtlpTraces(ctx.request.rawBody));
    ctx.body = {};
  });
  router.get('/', (ctx) => {
    const { company, synthetic } = ctx.query;
    const filter = { company: [company].flat()[0]?.trim() || undefined, synthetic: synthetic !== undefined };
    ctx.type = 'html';
    ctx.body = renderList(store.list(filter), filter);
  });
  router.get('/traces/:id', (ctx) => {
    const trace = store.get(ctx.params['id'] ?? '');
    if (!trace) throw new HttpError(404, 'TRACE_UNKNOWN', 'no such trace: it is too old, or not exported yet');
    ctx.type = 'html';
    ctx.body = renderTrace(trace, logs);
  });
  const app = new Koa();
  app.use(errorMiddleware(logger)).use(router.routes());
  return app;
}
