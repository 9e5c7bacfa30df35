import type Koa from 'koa';
import { HttpError } from '../../shared/http/http-error.ts';

const READS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const LOOPBACK_NAMES: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Whether an address of this machine can be reached from nowhere else. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

/**
 * The API has no password: whoever reaches it may use it. Other people's web pages are kept from it all the same. They may
 * not write (their `Origin` is not this server's), and while the server listens on this machine alone (`localOnly`) it
 * answers to this machine's names alone, so that no name made to point here can read.
 */
export function localAccess(localOnly: boolean): Koa.Middleware {
  return async (ctx, next) => {
    if (localOnly && !LOOPBACK_NAMES.has(ctx.host.replace(/:\d+$/, '').toLowerCase())) {
      throw new HttpError(421, 'HOST_REFUSED', 'the simulator answers to localhost only');
    }
    const origin = ctx.get('origin');
    if (!READS.has(ctx.method) && origin !== '' && hostOf(origin) !== ctx.host) {
      throw new HttpError(403, 'CROSS_SITE', 'requests of other pages are refused');
    }
    await next();
  };
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
