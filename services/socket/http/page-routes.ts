import { hash } from 'node:crypto';
import type Router from '@koa/router';
import { HttpError } from '../../../shared/http/http-error.ts';
import type { Origins } from '../admission/origins.ts';
import type { PageAssets } from './page-assets.ts';

const FIXED_HEADERS = {
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-cache',
};

/** Where the page reads who embeds it. */
const EMBEDDING_META = '<meta name="embedding-origin" content="" />';

/**
 * The onboarding page. It stands alone, unless it is asked for as `/?embed=<origin>` by an origin that may connect: then
 * a browser shows it in frames of that one origin, and the page sends its messages there and nowhere else.
 */
export function addPageRoutes(router: Router, page: PageAssets, origins: Origins): void {
  for (const [path, asset] of page) {
    router.get(path, (ctx) => {
      const embedding = path === '/' ? embeddingOriginOf(ctx.query['embed'], ctx.host, origins) : undefined;
      ctx.set(FIXED_HEADERS);
      ctx.set('Content-Security-Policy', policyFor(embedding));
      // An older header for the same thing, which knows only all or nobody.
      if (embedding === undefined) ctx.set('X-Frame-Options', 'DENY');
      ctx.status = 200;
      ctx.etag =
        embedding === undefined ? asset.etag : hash('sha256', asset.etag + embedding, 'base64url').slice(0, 22);
      ctx.type = asset.type;
      if (ctx.fresh) ctx.status = 304;
      else ctx.body = embedding === undefined ? asset.body : namingEmbedding(asset.body, embedding);
    });
  }
}

/** Scripts, styles and sockets of the own origin only; the token in the address goes nowhere. */
function policyFor(embedding: string | undefined): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    'img-src data:',
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    `frame-ancestors ${embedding ?? "'none'"}`,
  ].join('; ');
}

/** @throws HttpError 403 for an origin that may not show the page. */
function embeddingOriginOf(embed: string | string[] | undefined, host: string, origins: Origins): string | undefined {
  if (embed === undefined) return undefined;
  // Nothing but an origin, written as browsers write it, may reach a header and the page.
  const isOrigin = typeof embed === 'string' && URL.canParse(embed) && new URL(embed).origin === embed;
  if (!isOrigin || !origins.allows(embed, host)) {
    throw new HttpError(403, 'ORIGIN_REFUSED', 'this origin may not embed the page');
  }
  return embed;
}

function namingEmbedding(html: string, origin: string): string {
  return html.replace(EMBEDDING_META, EMBEDDING_META.replace('content=""', `content="${origin}"`));
}
