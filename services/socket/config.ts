import { COMMON_VARIABLES, toCommonConfig, type CommonConfig } from '../../shared/config/common.ts';
import { ConfigFaults } from '../../shared/config/config-faults.ts';
import type { RawEnv, Variable } from '../../shared/config/env.ts';
import { isNetwork } from './admission/client-address.ts';
import { isOriginRule } from './admission/origins.ts';
import type { AuthConfig } from './auth.ts';
import { DEFAULT_LIMITS, type Limits } from './limits.ts';

type SocketName =
  | 'SOCKET_HTTP_PORT'
  | 'SOCKET_ADMIN_PORT'
  | 'JWT_SECRET'
  | 'JWT_SECRET_PREVIOUS'
  | 'JWKS_URL'
  | 'JWT_ISSUER'
  | 'JWT_AUDIENCE'
  | 'ALLOWED_ORIGINS'
  | 'CONNECTIONS_PER_MINUTE'
  | 'TRUSTED_PROXIES'
  | 'MAX_SOCKETS'
  | 'MAX_SOCKETS_PER_COMPANY'
  | 'REQUESTS_PER_MINUTE'
  | 'MAX_BUFFERED_KIB'
  | 'DRAIN_SECONDS'
  | 'STREAM_REPLICAS';

/** RFC 7518 section 3.2: an HS256 key is at least as long as the hash. */

export const VARIABLES = [
  ...COMMON_VARIABLES,
  {
    name: 'SOCKET_HTTP_PORT',
    help: 'port of browsers and of the onboarding page; 0 picks a free one',
    fallback: '3000',
  },
  { name: 'SOCKET_ADMIN_PORT', help: 'moves /metrics and /readyz to an inside port of their own' },
  { name: 'JWT_SECRET', help: 'secret of HS256 tokens, at least 32 bytes', secret: true },
  { name: 'JWT_SECRET_PREVIOUS', help: 'secret before the last rotation, still accepted', secret: true },
  { name: 'JWKS_URL', help: "key set of the tokens' issuer, instead of JWT_SECRET" },
  { name: 'JWT_ISSUER', help: 'required `iss` of tokens' },
  { name: 'JWT_AUDIENCE', help: 'required `aud` of tokens' },
  {
    name: 'ALLOWED_ORIGINS',
    help: 'origins of pages that may connect, comma-separated; https://n*.example.com is n and digits',
    fallback: 'the own host alone',
  },
  {
    name: 'CONNECTIONS_PER_MINUTE',
    help: 'first-time or refused handshakes an address may make in a minute',
    fallback: '5',
  },
  { name: 'TRUSTED_PROXIES', help: 'addresses or networks whose X-Forwarded-For is believed, comma-separated' },
  {
    name: 'MAX_SOCKETS',
    help: 'browsers of this replica; beyond it handshakes are refused with 503',
    fallback: '20000',
  },
  { name: 'MAX_SOCKETS_PER_COMPANY', help: 'browsers of one company at this replica', fallback: '100' },
  {
    name: 'REQUESTS_PER_MINUTE',
    help: 'requests a browser may make in a minute; three times as many for all of its company',
    fallback: '20',
  },
  {
    name: 'MAX_BUFFERED_KIB',
    help: 'KiB that may wait for a browser to read them; beyond it its connection is cut',
    fallback: '256',
  },
  { name: 'DRAIN_SECONDS', help: 'in how long a stop has sent all browsers elsewhere', fallback: '10' },
  { name: 'STREAM_REPLICAS', help: 'copies of each JetStream stream: 1, or 3 in a cluster', fallback: '1' },
] as const satisfies readonly Variable[];

export type SocketVariable = (typeof COMMON_VARIABLES)[number]['name'] | SocketName;

export interface SocketConfig extends CommonConfig {
  readonly httpPort: number;
  /** `undefined` serves everything on `httpPort`. */
  readonly adminPort: number | undefined;
  readonly auth: AuthConfig;
  readonly allowedOrigins: readonly string[];
  readonly connectionsPerMinute: number;
  readonly trustedProxies: readonly string[];
  /** For streams that this service has to create; the WhatsApp service corrects those that exist. */
  readonly streamReplicas: 1 | 3;
  readonly limits: Limits;
}

/** @throws ConfigError with every fault at once. */
export function toConfig(raw: RawEnv<SocketVariable>): SocketConfig {
  const faults = new ConfigFaults();
  const allowedOrigins = faults.list(raw.ALLOWED_ORIGINS, []);
  for (const rule of allowedOrigins.filter((item) => !isOriginRule(item))) {
    faults.add(
      `ALLOWED_ORIGINS: ${JSON.stringify(rule)} is neither an origin nor a pattern like https://n*.example.com`,
    );
  }
  const trustedProxies = faults.list(raw.TRUSTED_PROXIES, []);
  for (const network of trustedProxies.filter((item) => !isNetwork(item))) {
    faults.add(`TRUSTED_PROXIES: ${JSON.stringify(network)} is neither an address nor a network`);
  }
  const config: SocketConfig = {
    ...toCommonConfig(raw, faults),
    httpPort: faults.port('SOCKET_HTTP_PORT', raw.SOCKET_HTTP_PORT, 3000),
    adminPort:
      raw.SOCKET_ADMIN_PORT === undefined ? undefined : faults.port('SOCKET_ADMIN_PORT', raw.SOCKET_ADMIN_PORT, 0),
    auth: { keys: toKeys(raw, faults), issuer: raw.JWT_ISSUER, audience: raw.JWT_AUDIENCE },
    allowedOrigins,
    connectionsPerMinute: faults.integer('CONNECTIONS_PER_MINUTE', raw.CONNECTIONS_PER_MINUTE, 5, {
      min: 1,
      max: 1_000_000,
    }),
    trustedProxies,
    streamReplicas: faults.oneOf('STREAM_REPLICAS', raw.STREAM_REPLICAS, ['1', '3'], '1') === '3' ? 3 : 1,
    limits: toLimits(raw, faults),
  };
  faults.throwIfAny();
  return config;
}

function toLimits(raw: RawEnv<SocketVariable>, faults: ConfigFaults): Limits {
  const integer = (name: SocketName, fallback: number, max: number, min = 1) =>
    faults.integer(name, raw[name], fallback, { min, max });
  const requestsPerMinute = integer('REQUESTS_PER_MINUTE', DEFAULT_LIMITS.requestsPerMinute, 100_000);
  return {
    ...DEFAULT_LIMITS,
    maxSockets: integer('MAX_SOCKETS', DEFAULT_LIMITS.maxSockets, 1_000_000),
    maxSocketsPerCompany: integer('MAX_SOCKETS_PER_COMPANY', DEFAULT_LIMITS.maxSocketsPerCompany, 1_000_000),
    requestsPerMinute,
    companyRequestsPerMinute: requestsPerMinute * 3,
    maxBufferedBytes: integer('MAX_BUFFERED_KIB', DEFAULT_LIMITS.maxBufferedBytes / 1024, 1_048_576) * 1024,
    // The process is given up on 20 s after the signal.
    drainMs: integer('DRAIN_SECONDS', DEFAULT_LIMITS.drainMs / 1000, 15, 0) * 1000,
  };
}

function toKeys(raw: RawEnv<SocketVariable>, faults: ConfigFaults): AuthConfig['keys'] {
  const url = faults.url('JWKS_URL', raw.JWKS_URL, ['https:', 'http:']);
  if (raw.JWT_SECRET === undefined && raw.JWKS_URL === undefined) {
    faults.add('JWT_SECRET or JWKS_URL must be set: without one no token can be checked');
  }
  if (raw.JWT_SECRET !== undefined && raw.JWKS_URL !== undefined)
    faults.add('JWT_SECRET and JWKS_URL exclude each other');
  if (raw.JWT_SECRET_PREVIOUS !== undefined && raw.JWT_SECRET === undefined) {
    faults.add('JWT_SECRET_PREVIOUS needs JWT_SECRET');
  }
  if (url) return { kind: 'jwks', url };
  const secrets = (['JWT_SECRET', 'JWT_SECRET_PREVIOUS'] as const).flatMap((name) => {
    const secret = faults.secret(name, raw[name]);
    return secret === undefined ? [] : [Buffer.from(secret)];
  });
  return { kind: 'secrets', secrets };
}
