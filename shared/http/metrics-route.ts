import type Router from '@koa/router';
import type { OpenMetricsContentType, Registry } from 'prom-client';

/** `GET /metrics` in the OpenMetrics text format, exemplars included. */
export function addMetricsRoute(
  router: Router,
  registry: Pick<Registry<OpenMetricsContentType>, 'metrics' | 'contentType'>,
): void {
  router.get('/metrics', async (ctx) => {
    ctx.type = registry.contentType;
    ctx.body = await registry.metrics();
  });
}
