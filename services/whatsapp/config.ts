import { COMMON_VARIABLES, toCommonConfig, type CommonConfig } from '../../shared/config/common.ts';
import { ConfigFaults } from '../../shared/config/config-faults.ts';
import type { RawEnv, Variable } from '../../shared/config/env.ts';

export const VARIABLES = [
  ...COMMON_VARIABLES,
  { name: 'WHATSAPP_URL', help: 'WebSocket URL of a WhatsApp server', fallback: 'WhatsApp itself' },
  { name: 'WHATSAPP_ROOT_KEY', help: 'base64 root key of that server; only with a WHATSAPP_URL that is not WhatsApp' },
  {
    name: 'WHATSAPP_VERSION',
    help: 'version of WhatsApp Web to announce',
    fallback: 'the one of Baileys, renewed after a 405',
  },
  { name: 'WHATSAPP_HTTP_PORT', help: 'port of health, metrics and sessions', fallback: '3003' },
  { name: 'WHATSAPP_API_KEY', help: 'bearer token of /sessions; without one nobody may send messages', secret: true },
  { name: 'DATABASE_URL', help: 'PostgreSQL', fallback: 'an embedded one under DATA_DIR' },
  { name: 'CREDENTIALS_KEY', help: 'base64 key of 32 bytes that encrypts WhatsApp credentials', secret: true },
  { name: 'CREDENTIALS_KEY_FILE', help: 'file with that key', fallback: 'made under DATA_DIR' },
  { name: 'CREDENTIALS_KEY_PREVIOUS_FILE', help: 'file with the key before it, still read during a rotation' },
  { name: 'STREAM_REPLICAS', help: 'copies of each JetStream stream: 1, or 3 in a cluster', fallback: '1' },
  { name: 'MAX_SESSIONS', help: 'sessions that this replica may hold', fallback: '1000' },
  { name: 'SESSION_IDLE_MINUTES', help: 'when a session that rests unlinked is given up', fallback: '10' },
] as const satisfies readonly Variable[];

type Name = (typeof VARIABLES)[number]['name'];

/** Major, minor and revision of WhatsApp Web. */
export type WhatsAppVersion = readonly [number, number, number];

export interface WhatsAppConfig extends CommonConfig {
  readonly httpPort: number;
  readonly whatsapp: {
    /** `undefined`: WhatsApp itself. */
    readonly url: URL | undefined;
    /** 32 bytes; never set for a host of WhatsApp. */
    readonly rootKey: Buffer | undefined;
    readonly version: WhatsAppVersion | undefined;
  };
  readonly streamReplicas: 1 | 3;
  readonly databaseUrl: URL | undefined;
  readonly sessions: {
    readonly max: number;
    readonly idleMs: number;
  };
  /** Never logged. */
  readonly secrets: {
    readonly apiKey: string | undefined;
    readonly credentialsKey: Buffer | undefined;
    readonly credentialsKeyFile: string | undefined;
    readonly credentialsKeyPreviousFile: string | undefined;
  };
}

/**
 * Every default, unit and limit of the service.
 * @throws ConfigError with all faults at once.
 */
export function toConfig(raw: RawEnv<Name>): WhatsAppConfig {
  const faults = new ConfigFaults();
  const config: WhatsAppConfig = {
    ...toCommonConfig(raw, faults),
    httpPort: faults.port('WHATSAPP_HTTP_PORT', raw.WHATSAPP_HTTP_PORT, 3003),
    whatsapp: toWhatsApp(raw, faults),
    streamReplicas: faults.oneOf('STREAM_REPLICAS', raw.STREAM_REPLICAS, ['1', '3'], '1') === '3' ? 3 : 1,
    databaseUrl: faults.url('DATABASE_URL', raw.DATABASE_URL, ['postgres:', 'postgresql:']),
    sessions: {
      max: faults.integer('MAX_SESSIONS', raw.MAX_SESSIONS, 1000, { min: 1, max: 100_000 }),
      idleMs: faults.integer('SESSION_IDLE_MINUTES', raw.SESSION_IDLE_MINUTES, 10, { min: 1, max: 1440 }) * 60_000,
    },
    secrets: {
      apiKey: raw.WHATSAPP_API_KEY,
      credentialsKey: faults.base64Key('CREDENTIALS_KEY', raw.CREDENTIALS_KEY, 32),
      credentialsKeyFile: raw.CREDENTIALS_KEY_FILE,
      credentialsKeyPreviousFile: raw.CREDENTIALS_KEY_PREVIOUS_FILE,
    },
  };
  if (raw.CREDENTIALS_KEY !== undefined && raw.CREDENTIALS_KEY_FILE !== undefined) {
    faults.add('CREDENTIALS_KEY and CREDENTIALS_KEY_FILE exclude each other');
  }
  faults.throwIfAny();
  return config;
}

/**
 * A root key other than WhatsApp's decides whom this service believes to be WhatsApp, for the whole process: it is
 * accepted only when the configured server is certainly somebody else's.
 */
function toWhatsApp(raw: RawEnv<Name>, faults: ConfigFaults): WhatsAppConfig['whatsapp'] {
  const url = faults.url('WHATSAPP_URL', raw.WHATSAPP_URL, ['ws:', 'wss:']);
  const rootKey = faults.base64Key('WHATSAPP_ROOT_KEY', raw.WHATSAPP_ROOT_KEY, 32);
  if (raw.WHATSAPP_ROOT_KEY !== undefined && (!url || isWhatsAppHost(url.hostname))) {
    faults.add('WHATSAPP_ROOT_KEY needs a WHATSAPP_URL whose host is not under whatsapp.com or whatsapp.net');
  }
  return { url, rootKey, version: toVersion(raw.WHATSAPP_VERSION, faults) };
}

function isWhatsAppHost(hostname: string): boolean {
  // A trailing dot is the same host to a resolver.
  return /(^|\.)whatsapp\.(com|net)\.?$/i.test(hostname);
}

function toVersion(raw: string | undefined, faults: ConfigFaults): WhatsAppVersion | undefined {
  if (raw === undefined) return undefined;
  const [, major, minor, revision] = /^([0-9]{1,9})\.([0-9]{1,9})\.([0-9]{1,12})$/.exec(raw) ?? [];
  if (major !== undefined) return [Number(major), Number(minor), Number(revision)];
  faults.add(`WHATSAPP_VERSION must look like 2.3000.1043857760, got ${JSON.stringify(raw)}`);
  return undefined;
}
