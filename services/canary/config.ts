import { COMMON_VARIABLES, toCommonConfig, type CommonConfig } from '../../shared/config/common.ts';
import { ConfigFaults } from '../../shared/config/config-faults.ts';
import type { RawEnv, Variable } from '../../shared/config/env.ts';

export const VARIABLES = [
  ...COMMON_VARIABLES,
  { name: 'CANARY_HTTP_PORT', help: 'port of health and metrics; 0 picks a free one', fallback: '3005' },
  {
    name: 'SOCKET_URLS',
    help: 'each replica of the socket service, comma-separated',
    fallback: 'http://127.0.0.1:3000',
  },
  { name: 'JWT_SECRET', help: "the socket service's secret; signs the canary's tokens", secret: true },
  { name: 'JWT_ISSUER', help: '`iss` of those tokens' },
  { name: 'JWT_AUDIENCE', help: '`aud` of those tokens' },
  {
    name: 'CANARY_TOKEN_FILE',
    help: 'file with a token of a salon from 9000000000 to 9000000099, instead of JWT_SECRET; read at every connect',
  },
  { name: 'STREAM_REPLICAS', help: 'copies of each JetStream stream: 1, or 3 in a cluster', fallback: '1' },
] as const satisfies readonly Variable[];

type Name = (typeof VARIABLES)[number]['name'];

/** Where the canary's tokens come from. */
export type TokenSource =
  | {
      readonly kind: 'secret';
      readonly secret: string;
      readonly issuer: string | undefined;
      readonly audience: string | undefined;
    }
  | { readonly kind: 'file'; readonly path: string };

export interface CanaryConfig extends CommonConfig {
  readonly httpPort: number;
  /** At least one; without path and trailing slash. */
  readonly socketUrls: readonly string[];
  /** For streams that this service has to create; the WhatsApp service corrects those that exist. */
  readonly streamReplicas: 1 | 3;
  /** Never logged. */
  readonly tokens: TokenSource;
}

/** Each is a Socket.IO connection, and every round waits for all of them. */
const MAX_SOCKETS = 64;

/** @throws ConfigError with every fault at once. */
export function toConfig(raw: RawEnv<Name>): CanaryConfig {
  const faults = new ConfigFaults();
  const config: CanaryConfig = {
    ...toCommonConfig(raw, faults),
    httpPort: faults.port('CANARY_HTTP_PORT', raw.CANARY_HTTP_PORT, 3005),
    socketUrls: toSocketUrls(raw.SOCKET_URLS, faults),
    streamReplicas: faults.oneOf('STREAM_REPLICAS', raw.STREAM_REPLICAS, ['1', '3'], '1') === '3' ? 3 : 1,
    tokens: toTokenSource(raw, faults),
  };
  faults.throwIfAny();
  return config;
}

function toSocketUrls(raw: string | undefined, faults: ConfigFaults): readonly string[] {
  const urls = faults
    .list(raw, ['http://127.0.0.1:3000'])
    .map((item) => faults.url('SOCKET_URLS', item, ['http:', 'https:'])?.origin ?? item);
  const distinct = [...new Set(urls)];
  if (distinct.length === 0 || distinct.length > MAX_SOCKETS) {
    faults.add(`SOCKET_URLS must list 1 to ${MAX_SOCKETS} replicas of the socket service`);
  }
  return distinct;
}

function toTokenSource(raw: RawEnv<Name>, faults: ConfigFaults): TokenSource {
  const { CANARY_TOKEN_FILE: path, JWT_ISSUER: issuer, JWT_AUDIENCE: audience } = raw;
  const secret = faults.secret('JWT_SECRET', raw.JWT_SECRET);
  if ((secret === undefined) === (path === undefined)) {
    faults.add('either JWT_SECRET or CANARY_TOKEN_FILE must be set: without a token no browser can connect');
  }
  return path === undefined ? { kind: 'secret', secret: secret ?? '', issuer, audience } : { kind: 'file', path };
}
