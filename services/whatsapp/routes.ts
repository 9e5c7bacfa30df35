import { createHash, timingSafeEqual } from 'node:crypto';
import Router from '@koa/router';
import Koa from 'koa';
import { addHealthRoutes, type Readiness } from '../../shared/http/health.ts';
import { HttpError, errorMiddleware } from '../../shared/http/http-error.ts';
import { addMetricsRoute } from '../../shared/http/metrics-route.ts';
import type { Logger } from '../../shared/telemetry/logger.ts';
import type { Metrics } from '../../shared/telemetry/metrics.ts';
import { maskPhoneNumber } from './session/account.ts';
import type { Session } from './session/session.ts';

export interface RoutesOptions {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly readiness: () => Promise<Readiness>;
  readonly sessions: () => readonly Session[];
  /** Asked for by `GET /sessions` when set: the list names customers. */
  readonly apiKey: string | undefined;
}

/** `/healthz`, `/readyz`, `/metrics` and `GET /sessions`: what this replica holds, without anybody's full phone number. */
export function createApp({ logger, metrics, readiness, sessions, apiKey }: RoutesOptions): Koa {
  const router = new Router();
  addHealthRoutes(router, readiness);
  addMetricsRoute(router, metrics.registry);
  router.get('/sessions', (ctx) => {
    if (apiKey !== undefined && !isBearerOf(ctx.get('authorization'), apiKey)) {
      ctx.set('www-authenticate', 'Bearer');
      throw new HttpError(401, 'UNAUTHORIZED', 'GET /sessions needs the API key as bearer token');
    }
    ctx.body = { sessions: sessions().map(toOverview) };
  });
  const app = new Koa();
  app.use(errorMiddleware(logger)).use(router.routes()).use(router.allowedMethods());
  return app;
}

function toOverview(session: Session) {
  const { state, account } = session.machine;
  return {
    companyId: session.companyId,
    state,
    epoch: session.epoch(),
    since: new Date(session.stateSince).toISOString(),
    ...(account.phoneNumber && { phone: maskPhoneNumber(account.phoneNumber) }),
  };
}

/** Digests have one length, so that neither the length nor the first wrong character shows in the time it takes. */
function isBearerOf(authorization: string, apiKey: string): boolean {
  const [, token = ''] = /^Bearer (.+)$/i.exec(authorization) ?? [];
  return timingSafeEqual(digest(token), digest(apiKey));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
