import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ConfigFaults } from '../../shared/config/config-faults.ts';
import { formatVariables, readEnv, type Variable } from '../../shared/config/env.ts';

const VARIABLES = [
  { name: 'DATA_DIR', help: 'folder of everything that survives a restart', fallback: '.data' },
  { name: 'SOCKET_HTTP_PORT', help: 'the onboarding page; 0 picks a free port, here and below', fallback: '3000' },
  { name: 'WHATSAPP_HTTP_PORT', help: 'the WhatsApp service', fallback: '3003' },
  { name: 'SIMULATOR_PORT', help: 'the simulated WhatsApp and its phones', fallback: '3004' },
  { name: 'CANARY_HTTP_PORT', help: 'the canary', fallback: '3005' },
  { name: 'TRACE_UI_PORT', help: 'the trace pages of --observe', fallback: '3006' },
  { name: 'PROMETHEUS_PORT', help: 'Prometheus of --observe', fallback: '9090' },
  { name: 'NATS_PORT', help: 'nats-server', fallback: '4222' },
  { name: 'NATS_URL', help: 'a NATS that runs already, instead of starting one' },
  { name: 'WHATSAPP_URL', help: 'a WhatsApp server that runs already, instead of the simulator' },
  { name: 'JWT_SECRET', help: 'signs the tokens', fallback: 'made once, in DATA_DIR', secret: true },
  { name: 'JWT_ISSUER', help: 'issuer in the token of the printed page' },
  { name: 'JWT_AUDIENCE', help: 'audience in the token of the printed page' },
  { name: 'JWKS_URL', help: 'keys of the tokens instead of a secret; no token is printed then' },
  { name: 'OTEL_TRACES_SAMPLER', help: 'sampler of the traces', fallback: 'always_on' },
] as const satisfies readonly Variable[];

export interface LocalOptions {
  /** Absolute; holds the secret, the lock and, without `live`, the state. */
  readonly dataDir: string;
  /** State of the processes. Real WhatsApp has its own: credentials of the simulator mean nothing there. */
  readonly stateDir: string;
  /** Real WhatsApp instead of the simulator. */
  readonly live: boolean;
  /** Every log line on the terminal, not only warnings. */
  readonly verbose: boolean;
  /** With pages that show the traces of all processes, and Prometheus when it is installed. */
  readonly observe: boolean;
  /** 0 picks a free one. */
  readonly ports: {
    readonly nats: number;
    readonly simulator: number;
    readonly whatsapp: number;
    readonly socket: number;
    readonly canary: number;
    readonly traces: number;
    readonly prometheus: number;
  };
  /** Set: no nats-server is started. */
  readonly natsUrl: string | undefined;
  /** Set: no simulator is started. */
  readonly whatsappUrl: string | undefined;
  readonly token: {
    readonly secret: string | undefined;
    readonly issuer: string | undefined;
    readonly audience: string | undefined;
    readonly jwksUrl: string | undefined;
  };
  /** The environment that the processes inherit. */
  readonly env: NodeJS.ProcessEnv;
}

export const HELP = `Runs the whole system on this machine: nats-server, the simulator, the WhatsApp service, the socket service, the
canary.

  npm start                 with simulated phones
  npm start -- --verbose    every log line, not only warnings
  npm start -- --observe    with pages that show the traces of all processes, and Prometheus
  npm run start:live        with real WhatsApp; its state is in DATA_DIR/live

Ctrl-C stops everything in order; a second one kills. Every process also reads its own variables. Environment:
${formatVariables(VARIABLES)}
`;

/**
 * Reads the command line and the environment; `undefined` when help was asked for.
 * @throws ConfigError with all faults, TypeError for an unknown flag.
 */
export function toLocalOptions(args: readonly string[], env: NodeJS.ProcessEnv): LocalOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      live: { type: 'boolean' },
      verbose: { type: 'boolean' },
      observe: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return undefined;
  const raw = readEnv(VARIABLES, env);
  const faults = new ConfigFaults();
  const live = values.live ?? false;
  const dataDir = resolve(raw.DATA_DIR ?? '.data');
  const options: LocalOptions = {
    dataDir,
    stateDir: live ? join(dataDir, 'live') : dataDir,
    live,
    verbose: values.verbose ?? false,
    observe: values.observe ?? false,
    ports: {
      nats: faults.port('NATS_PORT', raw.NATS_PORT, 4222),
      simulator: faults.port('SIMULATOR_PORT', raw.SIMULATOR_PORT, 3004),
      whatsapp: faults.port('WHATSAPP_HTTP_PORT', raw.WHATSAPP_HTTP_PORT, 3003),
      socket: faults.port('SOCKET_HTTP_PORT', raw.SOCKET_HTTP_PORT, 3000),
      canary: faults.port('CANARY_HTTP_PORT', raw.CANARY_HTTP_PORT, 3005),
      traces: faults.port('TRACE_UI_PORT', raw.TRACE_UI_PORT, 3006),
      prometheus: faults.port('PROMETHEUS_PORT', raw.PROMETHEUS_PORT, 9090),
    },
    natsUrl: raw.NATS_URL,
    whatsappUrl: raw.WHATSAPP_URL,
    token: { secret: raw.JWT_SECRET, issuer: raw.JWT_ISSUER, audience: raw.JWT_AUDIENCE, jwksUrl: raw.JWKS_URL },
    env,
  };
  if (live && raw.WHATSAPP_URL !== undefined) faults.add('--live is WhatsApp itself: unset WHATSAPP_URL');
  faults.throwIfAny();
  return options;
}
