import type { IncomingHttpHeaders } from 'node:http';

/** The token of an `Authorization: Bearer` header, or `undefined`. RFC 6750, section 2.1. */
export function bearerOf({ authorization }: IncomingHttpHeaders): string | undefined {
  return /^Bearer +(?<token>\S+) *$/i.exec(authorization ?? '')?.groups?.['token'];
}
