import type { ConnectionObserver } from '../../shared/bus/connection-status.ts';
import { BusConnection } from '../../shared/bus/connection.ts';
import { COMMON_VARIABLES, toCommonConfig } from '../../shared/config/common.ts';
import { ConfigFaults } from '../../shared/config/config-faults.ts';
import { formatVariables, readEnv } from '../../shared/config/env.ts';

const VARIABLES = COMMON_VARIABLES.filter(({ name }) => name.startsWith('NATS_'));

/** The part of a command's help that tells where NATS is looked for. */
export const NATS_HELP = `Environment:\n${formatVariables(VARIABLES)}\n`;

/** No server answered in time. Trying again helps once one is there. */
export class NatsAwayError extends Error {
  readonly code = 'NATS_AWAY';

  constructor(servers: readonly string[], timeoutMs: number, cause: unknown) {
    super(
      `no NATS answers at ${servers.join(', ')} within ${timeoutMs / 1000} s; is it running (npm start), is NATS_URL right?`,
      { cause },
    );
    this.name = 'NatsAwayError';
  }

  shouldRetry(): boolean {
    return true;
  }
}

/** Where NATS is, from the environment. @throws ConfigError */
export function readNatsConfig(): ReturnType<typeof toCommonConfig>['nats'] {
  const faults = new ConfigFaults();
  const { nats } = toCommonConfig(readEnv(COMMON_VARIABLES), faults);
  faults.throwIfAny();
  return nats;
}

export interface ConnectOptions {
  /** How the server's monitoring shows the connection. */
  readonly name: string;
  readonly signal: AbortSignal;
  readonly observer?: ConnectionObserver;
  /** Without it a missing server is waited for. */
  readonly timeoutMs?: number;
}

/** @throws NatsAwayError after the timeout, BusConfigError when the credentials are refused, the signal's reason. */
export async function connectToNats({ name, signal, observer, timeoutMs }: ConnectOptions): Promise<BusConnection> {
  const nats = readNatsConfig();
  const options = { ...nats, name, ...(observer && { observer }) };
  if (timeoutMs === undefined) return await BusConnection.connect(options, signal);
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    return await BusConnection.connect(options, AbortSignal.any([signal, timeout]));
  } catch (error) {
    if (timeout.aborted && !signal.aborted) throw new NatsAwayError(nats.servers, timeoutMs, error);
    throw error;
  }
}
