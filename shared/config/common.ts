import { hostname } from 'node:os';
import type { ConfigFaults } from './config-faults.ts';
import type { RawEnv, Variable } from './env.ts';

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

type CommonName = 'NATS_URL' | 'NATS_CREDENTIALS' | 'NATS_CA_FILE' | 'DATA_DIR' | 'REPLICA_ID' | 'LOG_LEVEL';

/** The variables that every process understands. `OTEL_*` is read by the OpenTelemetry SDK alone. */
export const COMMON_VARIABLES: readonly Variable<CommonName>[] = [
  { name: 'NATS_URL', help: 'NATS servers, comma-separated', fallback: 'nats://127.0.0.1:4222' },
  { name: 'NATS_CREDENTIALS', help: 'file with NATS credentials: .creds or an nkey seed' },
  { name: 'NATS_CA_FILE', help: 'file with the CA certificate of the NATS servers; turns TLS on' },
  { name: 'DATA_DIR', help: 'folder for what must survive a restart', fallback: '.data' },
  { name: 'REPLICA_ID', help: 'name of this replica, unique per service', fallback: 'the host name and process id' },
  { name: 'LOG_LEVEL', help: LOG_LEVELS.join(', '), fallback: 'info' },
];

export interface CommonConfig {
  readonly nats: {
    readonly servers: readonly string[];
    readonly credentialsFile: string | undefined;
    readonly caFile: string | undefined;
  };
  readonly dataDir: string;
  readonly replicaId: string;
  readonly logLevel: LogLevel;
}

export function toCommonConfig(raw: RawEnv<CommonName>, faults: ConfigFaults): CommonConfig {
  const replicaId = raw.REPLICA_ID ?? `${hostname()}-${process.pid}`;
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(replicaId)) {
    faults.add('REPLICA_ID must be 1 to 64 letters, digits, dots, dashes or underscores');
  }
  const servers = faults.list(raw.NATS_URL, ['nats://127.0.0.1:4222']);
  for (const server of servers) faults.url('NATS_URL', server, ['nats:', 'tls:']);
  return {
    nats: { servers, credentialsFile: raw.NATS_CREDENTIALS, caFile: raw.NATS_CA_FILE },
    dataDir: raw.DATA_DIR ?? '.data',
    replicaId,
    logLevel: faults.oneOf('LOG_LEVEL', raw.LOG_LEVEL, LOG_LEVELS, 'info'),
  };
}
