import { createHash, timingSafeEqual } from 'node:crypto';
import Router from '@koa/router';
import Koa, { type Middleware } from 'koa';
import { addHealthRoutes, type Readiness } from '../../shared/http/health.ts';
import { HttpError, errorMiddleware } from '../../shared/http/http-error.ts';
import { addMetricsRoute } from '../../shared/http/metrics-route.ts';
import type { Logger } from '../../shared/telemetry/logger.ts';
import type { Metrics } from '../../shared/telemetry/metrics.ts';
import { addMessageRoutes, type MessageRoutesOptions } from './messages/message-routes.ts';
import { OPENAPI } from './openapi.ts';
import { maskPhoneNumber } from './session/account.ts';
import type { Session } from './session/session.ts';

export interface RoutesOptions {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly readiness: () => Promise<Readiness>;
  readonly sessions: () => readonly Session[];
  readonly messages: MessageRoutesOptions;
  /** The bearer token of everything under `/sessions`. Unset, the list is open and nobody may send. */
  readonly apiKey: string | undefined;
}

/** The HTTP API as `openapi.ts` describes it. The list of sessions shows nobody's full phone number. */
export function createApp({ logger, metrics, readiness, sessions, messages, apiKey }: RoutesOptions): Koa {
  const router = new Router();
  addHealthRoutes(router, readiness);
  addMetricsRoute(router, metrics.registry);
  router.get('/openapi.json', (ctx) => {
    ctx.body = OPENAPI;
  });
  router.use('/sessions', requireApiKey(apiKey));
  router.get('/sessions', (ctx) => {
    ctx.body = { sessions: sessions().map(toOverview) };
  });
  addMessageRoutes(router, messages);
  const app = new Koa();
  app.use(errorMiddleware(logger)).use(router.routes()).use(router.allowedMethods());
  return app;
}

function requireApiKey(apiKey: string | undefined): Middleware {
  return async (ctx, next) => {
    if (apiKey === undefined && ctx.method !== 'GET') {
      throw new HttpError(403, 'API_KEY_UNSET', 'the service has no WHATSAPP_API_KEY, and nobody may send');
    }
    if (apiKey !== undefined && !isBearerOf(ctx.get('authorization'), apiKey)) {
      ctx.set('www-authenticate', 'Bearer');
      throw new HttpError(401, 'UNAUTHORIZED', 'the API key is needed as bearer token');
    }
    await next();
  };
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
