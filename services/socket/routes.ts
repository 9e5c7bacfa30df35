import Router from '@koa/router';
import Koa, { type Middleware } from 'koa';
import type { CompanyId } from '../../shared/contract/company-id.ts';
import { addHealthRoutes, type Readiness } from '../../shared/http/health.ts';
import { HttpError, errorMiddleware } from '../../shared/http/http-error.ts';
import { addMetricsRoute } from '../../shared/http/metrics-route.ts';
import type { RateLimit } from '../../shared/http/rate-limit.ts';
import type { Logger } from '../../shared/telemetry/logger.ts';
import type { Metrics } from '../../shared/telemetry/metrics.ts';
import type { Origins } from './admission/origins.ts';
import { AuthError, type TokenVerifier } from './auth.ts';
import { bearerOf } from './http/bearer.ts';
import type { PageAssets } from './http/page-assets.ts';
import { addPageRoutes } from './http/page-routes.ts';
import { addPubsubHealthRoute, type Ping } from './http/pubsub-health.ts';
import type { Status } from './http/status.ts';

export interface RouteParts {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly readiness: () => Readiness;
  readonly ping: Ping;
  readonly origins: Origins;
  readonly verifier: TokenVerifier;
  readonly status: (companyId: CompanyId) => Promise<Status>;
  readonly statusLimit: RateLimit;
  /** A company's clients ask for the status too often. */
  readonly onStatusRefused: () => void;
  readonly page: PageAssets;
}

/** What browsers may ask; with `inside` also what only the operators' side may, unless that has a port of its own. */
export function createPublicApp(parts: RouteParts, { inside }: { readonly inside: boolean }): Koa {
  const router = new Router();
  addPageRoutes(router, parts.page, parts.origins);
  addStatusRoutes(router, parts);
  if (inside) addInsideRoutes(router, parts);
  else {
    router.get('/healthz', (ctx) => {
      ctx.body = { status: 'ok' };
    });
  }
  return toApp(router, parts.logger);
}

/** `/healthz`, `/readyz`, `/health/pubsub` and `/metrics`, for a listener that the outside cannot reach. */
export function createAdminApp(parts: RouteParts): Koa {
  const router = new Router();
  addInsideRoutes(router, parts);
  return toApp(router, parts.logger);
}

function toApp(router: Router, logger: Logger): Koa {
  const app = new Koa();
  app.use(errorMiddleware(logger));
  app.use(router.routes());
  return app;
}

function addInsideRoutes(router: Router, { readiness, ping, metrics }: RouteParts): void {
  addHealthRoutes(router, readiness);
  addPubsubHealthRoute(router, ping);
  addMetricsRoute(router, metrics.registry);
}

/** For clients that poll while their socket does not come up. */
function addStatusRoutes(router: Router, parts: RouteParts): void {
  const { origins, verifier, status, statusLimit, onStatusRefused } = parts;
  const cors = corsMiddleware(origins);
  router.options('/status', cors, (ctx) => {
    ctx.set('Access-Control-Allow-Methods', 'GET');
    ctx.set('Access-Control-Allow-Headers', 'Authorization');
    ctx.set('Access-Control-Max-Age', '600');
    ctx.status = 204;
  });
  router.get('/status', cors, async (ctx) => {
    ctx.set('Cache-Control', 'no-store');
    const { companyId } = await verifier.verify(bearerOf(ctx.headers)).catch((error: unknown) => {
      throw toHttpError(error);
    });
    const waitMs = statusLimit.take(companyId);
    if (waitMs > 0) {
      onStatusRefused();
      ctx.set('Retry-After', String(Math.ceil(waitMs / 1000)));
      throw new HttpError(429, 'TOO_MANY_REQUESTS', 'this company asks too often');
    }
    ctx.body = await status(companyId).catch(() => {
      throw new HttpError(503, 'STATE_UNAVAILABLE', 'the state cannot be read right now');
    });
  });
}

function corsMiddleware(origins: Origins): Middleware {
  return async (ctx, next) => {
    ctx.vary('Origin');
    const origin = ctx.get('Origin');
    if (origin !== '' && !origins.allows(origin, ctx.get('Host'))) {
      throw new HttpError(403, 'ORIGIN_REFUSED', 'this origin may not ask');
    }
    if (origin !== '') ctx.set('Access-Control-Allow-Origin', origin);
    await next();
  };
}

function toHttpError(error: unknown): unknown {
  if (!(error instanceof AuthError)) return error;
  return new HttpError(error.shouldRetry() ? 503 : 401, error.code, error.message);
}
