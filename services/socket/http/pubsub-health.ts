import type Router from '@koa/router';
import { errorTypeOf } from '../../../shared/telemetry/spans.ts';

/** The way to a WhatsApp service and back, in ms; rejects with an error that carries a `code`. */
export type Ping = () => Promise<{ readonly latencyMs: number }>;

/**
 * `GET /health/pubsub` goes all the way through NATS to a WhatsApp service and back: 200 with the latency in ms, or 503
 * with the code of what is missing. However many ask at once, one ping is under way.
 */
export function addPubsubHealthRoute(router: Router, ping: Ping): void {
  let current: ReturnType<Ping> | undefined;
  router.get('/health/pubsub', async (ctx) => {
    ctx.set('Cache-Control', 'no-store');
    current ??= ping().finally(() => {
      current = undefined;
    });
    try {
      const { latencyMs } = await current;
      ctx.body = { status: 'ok', latencyMs: Math.round(latencyMs * 1000) / 1000 };
    } catch (error) {
      ctx.status = 503;
      ctx.body = { status: 'unavailable', code: errorTypeOf(error) };
    }
  });
}
