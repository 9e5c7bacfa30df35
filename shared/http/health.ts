import type Router from '@koa/router';

/** `checks` names each thing readiness depends on: `ok`, or what is wrong with it. */
export interface Readiness {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, string>>;
}

/** A readiness that is ready exactly when every check says `ok`. */
export function toReadiness(checks: Readonly<Record<string, string>>): Readiness {
  return { ready: Object.values(checks).every((check) => check === 'ok'), checks };
}

/**
 * `GET /healthz` answers 200 as long as the process serves requests and asks nobody else;
 * `GET /readyz` answers 200 or 503 with every check by name.
 */
export function addHealthRoutes(router: Router, readiness: () => Readiness | Promise<Readiness>): void {
  router.get('/healthz', (ctx) => {
    ctx.body = { status: 'ok' };
  });
  router.get('/readyz', async (ctx) => {
    const current = await readiness();
    ctx.status = current.ready ? 200 : 503;
    ctx.body = current;
  });
}
