import { ConfigError } from '../config/config-faults.ts';
import { formatVariables, readEnv, type RawEnv, type Variable } from '../config/env.ts';
import { createLogger, type Logger } from '../telemetry/logger.ts';

/** A started service. `stop` is idempotent, ends intake first, and resolves when nothing is left running. */
export interface Service {
  stop(): Promise<void>;
  /** Rejects when the service can no longer do its work and the process must end with exit code 1. */
  readonly failed?: Promise<never>;
}

export interface RunOptions<Name extends string, Config extends { readonly logLevel: string }> {
  readonly name: string;
  readonly variables: readonly Variable<Name>[];
  readonly toConfig: (raw: RawEnv<Name>) => Config;
  /** `stopping` is aborted by the first signal: a start that waits for somebody gives up then, by rejecting. */
  readonly start: (config: Config, logger: Logger, stopping: AbortSignal) => Promise<Service>;
  /** How long a stop may take before the process gives up on it, in ms. */
  readonly stopTimeoutMs?: number;
}

/**
 * Runs one service from its environment until SIGTERM or SIGINT and answers the exit code: 0 after an orderly stop,
 * 1 when the configuration is invalid, the start failed, or the stop did not end in time. `--help` lists the variables.
 */
export async function run<Name extends string, Config extends { readonly logLevel: string }>(
  options: RunOptions<Name, Config>,
): Promise<number> {
  if (process.argv.includes('--help')) {
    process.stdout.write(`${options.name} service. Environment:\n${formatVariables(options.variables)}\n`);
    return 0;
  }
  let config: Config;
  try {
    config = options.toConfig(readEnv(options.variables));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    createLogger({ name: options.name, level: 'info' }).fatal(
      { code: error.code, faults: error.faults },
      error.message,
    );
    return 1;
  }
  const logger = createLogger({ name: options.name, level: config.logLevel });
  // Listening before the start: a signal that arrives while starting must not kill the process halfway.
  const stopping = new AbortController();
  const signal = nextSignal().then((name) => {
    stopping.abort(new Error(`stopped by ${name}`));
    return name;
  });
  let service: Service;
  try {
    service = await options.start(config, logger, stopping.signal);
  } catch (error) {
    if (error === stopping.signal.reason && stopping.signal.aborted) {
      logger.info('stopped while starting');
      return 0;
    }
    logger.fatal({ err: error }, 'start failed');
    return 1;
  }
  logger.info('ready');
  const reason = await Promise.race([
    signal,
    ...(service.failed ? [service.failed.catch((error: unknown) => error)] : []),
  ]);
  if (typeof reason !== 'string') logger.fatal({ err: reason }, 'service failed');
  const stopped = await stopWithin(service, options.stopTimeoutMs ?? 20_000, logger);
  return stopped && typeof reason === 'string' ? 0 : 1;
}

function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
}

async function stopWithin(service: Service, timeoutMs: number, logger: Logger): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, 'late');
  });
  try {
    const outcome = await Promise.race([service.stop(), deadline]);
    if (outcome === 'late') logger.error({ code: 'STOP_TIMEOUT', timeoutMs }, 'stop did not end in time');
    else logger.info('stopped');
    return outcome !== 'late';
  } catch (error) {
    logger.error({ err: error }, 'stop failed');
    return false;
  } finally {
    clearTimeout(timer);
  }
}
