import type { Middleware } from 'koa';
import type { Logger } from '../telemetry/logger.ts';

/** A refusal with a status and a stable code that clients may switch on. */
export class HttpError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = 'HttpError';
    this.status = status;
    this.code = code;
  }
}

/** Turns errors into `{error: {code, message}}`; what is not an `HttpError` is logged once and answered as a bare 500. */
export function errorMiddleware(logger: Logger): Middleware {
  return async (ctx, next) => {
    try {
      await next();
      if (ctx.status === 404 && ctx.body === undefined) throw new HttpError(404, 'NOT_FOUND', 'no such resource');
    } catch (error) {
      const known = error instanceof HttpError ? error : toHttpError(error);
      if (known.status >= 500 && known !== error) logger.error({ err: error, path: ctx.path }, 'request failed');
      ctx.status = known.status;
      ctx.body = { error: { code: known.code, message: known.message } };
    }
  };
}

/** Koa and its middleware throw `http-errors`: `expose` says that the message is meant for the client. */
function toHttpError(error: unknown): HttpError {
  if (error instanceof Error && 'expose' in error && error.expose === true && 'status' in error) {
    return new HttpError(Number(error.status), 'BAD_REQUEST', error.message);
  }
  return new HttpError(500, 'INTERNAL', 'internal error');
}
