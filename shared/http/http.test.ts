import { createServer, type Server } from 'node:http';
import Router from '@koa/router';
import Koa from 'koa';
import pino from 'pino';
import { afterEach, expect, test } from 'vitest';
import { createProcessMetrics } from '../telemetry/metrics.ts';
import { addHealthRoutes, toReadiness } from './health.ts';
import { HttpError, errorMiddleware } from './http-error.ts';
import { closeServer, listen } from './listen.ts';
import { addMetricsRoute } from './metrics-route.ts';

const logger = pino({ level: 'silent' });
const servers: Server[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => closeServer(server)));
});

async function serve(register: (router: Router) => void): Promise<string> {
  const app = new Koa();
  const router = new Router();
  register(router);
  app.use(errorMiddleware(logger)).use(router.routes());
  const handle = app.callback();
  const server = createServer((request, response) => void handle(request, response));
  servers.push(server);
  return `http://127.0.0.1:${await listen(server, { port: 0, variable: 'PROBE_PORT', logger })}`;
}

test('a taken port is an error that names the port and the variable that moves it', async () => {
  const url = await serve(() => undefined);
  const port = Number(new URL(url).port);
  await expect(listen(createServer(), { port, variable: 'SOCKET_HTTP_PORT', logger })).rejects.toMatchObject({
    code: 'PORT_UNAVAILABLE',
    message: `port ${port} is taken; set SOCKET_HTTP_PORT to another one`,
  });
});

test('readiness is red as soon as one check is, and says which', async () => {
  let nats = 'ok';
  const url = await serve((router) => addHealthRoutes(router, () => toReadiness({ nats, feed: 'ok' })));
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  nats = 'disconnected';
  const response = await fetch(`${url}/readyz`);
  expect(response.status).toBe(503);
  expect(await response.json()).toEqual({ ready: false, checks: { nats: 'disconnected', feed: 'ok' } });
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
});

test('refusals carry a stable code, surprises carry nothing of their cause', async () => {
  const url = await serve((router) => {
    router.get('/refused', () => {
      throw new HttpError(409, 'TAKEN', 'already taken');
    });
    router.get('/broken', () => {
      throw new Error('password=hunter2');
    });
  });
  expect(await (await fetch(`${url}/refused`)).json()).toEqual({ error: { code: 'TAKEN', message: 'already taken' } });
  const broken = await fetch(`${url}/broken`);
  expect(broken.status).toBe(500);
  expect(await broken.text()).not.toContain('hunter2');
  expect(await (await fetch(`${url}/nothing`)).json()).toMatchObject({ error: { code: 'NOT_FOUND' } });
});

test('metrics are OpenMetrics text with exemplars', async () => {
  const metrics = createProcessMetrics('probe', '1.2.3');
  metrics.histogram('whatsapp_connect_to_emit_duration_seconds').observe({
    labels: { event: 'connected', synthetic: 'false', delivery: 'live' },
    value: 0.004,
    exemplarLabels: { trace_id: 'a'.repeat(32), span_id: 'b'.repeat(16) },
  });
  const url = await serve((router) => addMetricsRoute(router, metrics.registry));
  const response = await fetch(`${url}/metrics`);
  expect(response.headers.get('content-type')).toContain('application/openmetrics-text');
  const text = await response.text();
  expect(text).toMatch(/_bucket\{le="0.005",event="connected".*\} 1 # \{trace_id="a{32}",span_id="b{16}"\} 0.004/);
  expect(text).toContain('service_build_info{service="probe",version="1.2.3"} 1');
  expect(text.trimEnd().endsWith('# EOF')).toBe(true);
});
