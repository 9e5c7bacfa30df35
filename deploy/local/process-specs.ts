import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ProcessSpec } from './local-process.ts';
import { OBSERVER_NAMES, prometheusSpec, tracesEnv, tracesSpec } from './observe.ts';
import type { LocalOptions } from './options.ts';
import { choosePort } from './ports.ts';
import { findNatsServer, findPrometheus } from './programs.mjs';

/** In the order in which they are started; stopped in the opposite one. */
export const PROCESS_NAMES = [...OBSERVER_NAMES, 'nats', 'simulator', 'whatsapp', 'socket', 'canary'] as const;
export type ProcessName = (typeof PROCESS_NAMES)[number];

/** How long each may take to stop, in ms: the services' own limit is 20 s. */
export const STOP_TIMEOUT_MS: Readonly<Record<ProcessName, number>> = {
  traces: 5_000,
  prometheus: 10_000,
  nats: 10_000,
  simulator: 10_000,
  whatsapp: 25_000,
  socket: 25_000,
  canary: 10_000,
};

/** nats-server is neither in PATH nor where `NATS_SERVER_BIN` says. */
export class NatsServerMissingError extends Error {
  readonly code = 'NATS_SERVER_MISSING';

  constructor() {
    super('nats-server is not installed; run: node deploy/local/setup.mjs start');
    this.name = 'NatsServerMissingError';
  }

  shouldRetry(): boolean {
    return false;
  }
}

/** What one start settled on: options with every port chosen. */
export interface Settings extends LocalOptions {
  readonly processes: readonly ProcessName[];
  readonly natsUrl: string;
  readonly jwtSecret: string | undefined;
}

/**
 * Chooses the ports and the processes to run.
 * @throws ListenError naming the variable of the first port that is taken.
 */
export async function toSettings(options: LocalOptions, jwtSecret: string | undefined): Promise<Settings> {
  const { natsUrl } = options;
  const processes = PROCESS_NAMES.filter((name) => isWanted(name, options, jwtSecret));
  const ports = { ...options.ports };
  for (const name of processes) {
    const wish = { port: options.ports[name], variable: PORT_VARIABLES[name] };
    ports[name] = await choosePort(name === 'nats' ? { ...wish, host: '127.0.0.1' } : wish);
  }
  return { ...options, processes, ports, natsUrl: natsUrl ?? `nats://127.0.0.1:${ports.nats}`, jwtSecret };
}

function isWanted(name: ProcessName, options: LocalOptions, jwtSecret: string | undefined): boolean {
  const { natsUrl, whatsappUrl, live, observe, env } = options;
  // Without it the traces are still there; the announcement says how to install it.
  if (name === 'prometheus') return observe && findPrometheus() !== undefined;
  if (name === 'traces') return observe;
  if (name === 'nats') return natsUrl === undefined;
  if (name === 'simulator') return !live && whatsappUrl === undefined;
  // Tokens by JWKS_URL are signed by somebody else, the canary's too.
  if (name === 'canary') return jwtSecret !== undefined || Boolean(env['CANARY_TOKEN_FILE']);
  return true;
}

const PORT_VARIABLES: Readonly<Record<ProcessName, string>> = {
  traces: 'TRACE_UI_PORT',
  prometheus: 'PROMETHEUS_PORT',
  nats: 'NATS_PORT',
  simulator: 'SIMULATOR_PORT',
  whatsapp: 'WHATSAPP_HTTP_PORT',
  socket: 'SOCKET_HTTP_PORT',
  canary: 'CANARY_HTTP_PORT',
};

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NATS_CONFIG = join(ROOT, 'deploy', 'nats', 'local.conf');
const PRELOAD = join(ROOT, 'shared', 'telemetry', 'preload.ts');

/** The command of a process. `rootKey` is the simulator's and is known once that is ready. */
export function toSpec(name: ProcessName, settings: Settings, rootKey: string | undefined): ProcessSpec {
  if (name === 'nats') return natsSpec(settings);
  const { env, ports, stateDir, natsUrl, observe } = settings;
  if (name === 'traces') return tracesSpec(env, stateDir, ports.traces);
  if (name === 'prometheus') return prometheusSpec(env, stateDir, ports.prometheus);
  return {
    command: process.execPath,
    args: ['--import', PRELOAD, join(ROOT, 'services', name, 'main.ts')],
    env: {
      ...env,
      DATA_DIR: stateDir,
      NATS_URL: natsUrl,
      [PORT_VARIABLES[name]]: String(ports[name]),
      // A developer wants to see every trace; production samples.
      OTEL_TRACES_SAMPLER: env['OTEL_TRACES_SAMPLER'] ?? 'always_on',
      ...(observe && tracesEnv(env, ports.traces)),
      ...(name === 'whatsapp' && whatsappEnv(settings, rootKey)),
      ...(name === 'socket' && socketEnv(settings)),
      ...(name === 'canary' && canaryEnv(settings)),
    },
  };
}

/** What of the system exports metrics, and on which port. */
export function scrapedPorts({ processes, ports, env }: Settings): Readonly<Record<string, number>> {
  const admin = Number(env['SOCKET_ADMIN_PORT'] ?? '') || ports.socket;
  return {
    whatsapp: ports.whatsapp,
    socket: admin,
    ...(processes.includes('canary') && { canary: ports.canary }),
  };
}

function natsSpec({ env, ports, stateDir }: Settings): ProcessSpec {
  const command = findNatsServer();
  if (command === undefined) throw new NatsServerMissingError();
  const listen = ['-a', '127.0.0.1', '-p', String(ports.nats)];
  return { command, args: ['-c', NATS_CONFIG, ...listen, '-js', '-sd', join(stateDir, 'nats')], env };
}

function whatsappEnv({ live, ports, processes }: Settings, rootKey: string | undefined): NodeJS.ProcessEnv {
  if (live) return { WHATSAPP_URL: undefined, WHATSAPP_ROOT_KEY: undefined };
  if (!processes.includes('simulator')) return {};
  return { WHATSAPP_URL: `ws://127.0.0.1:${ports.simulator}/ws/chat`, WHATSAPP_ROOT_KEY: rootKey };
}

function socketEnv({ env, jwtSecret, ports }: Settings): NodeJS.ProcessEnv {
  const origins = `http://localhost:${ports.socket},http://127.0.0.1:${ports.socket}`;
  return {
    ALLOWED_ORIGINS: env['ALLOWED_ORIGINS'] ?? origins,
    // Everybody on this machine has one address.
    CONNECTIONS_PER_MINUTE: env['CONNECTIONS_PER_MINUTE'] ?? '300',
    ...(jwtSecret !== undefined && { JWT_SECRET: jwtSecret }),
  };
}

function canaryEnv({ env, jwtSecret, ports }: Settings): NodeJS.ProcessEnv {
  return {
    SOCKET_URLS: env['SOCKET_URLS'] ?? `http://127.0.0.1:${ports.socket}`,
    ...(jwtSecret !== undefined && !env['CANARY_TOKEN_FILE'] && { JWT_SECRET: jwtSecret }),
  };
}
