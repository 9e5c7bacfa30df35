import { VARIABLES as CANARY, toConfig as toCanaryConfig } from '../../services/canary/config.ts';
import { VARIABLES as SIMULATOR, toConfig as toSimulatorConfig } from '../../services/simulator/config.ts';
import { VARIABLES as SOCKET, toConfig as toSocketConfig } from '../../services/socket/config.ts';
import { VARIABLES as WHATSAPP, toConfig as toWhatsAppConfig } from '../../services/whatsapp/config.ts';
import { ConfigError } from '../../shared/config/config-faults.ts';
import { readEnv } from '../../shared/config/env.ts';
import { toSpec, type ProcessName, type Settings } from './process-specs.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** How each service reads the environment that it will be started with. */
const READERS: Readonly<Partial<Record<ProcessName, (env: Environment) => unknown>>> = {
  simulator: (env) => toSimulatorConfig(readEnv(SIMULATOR, env)),
  whatsapp: (env) => toWhatsAppConfig(readEnv(WHATSAPP, env)),
  socket: (env) => toSocketConfig(readEnv(SOCKET, env)),
  canary: (env) => toCanaryConfig(readEnv(CANARY, env)),
};

/** Stands for the simulator's, which is known once that runs. */
const ANY_ROOT_KEY = Buffer.alloc(32).toString('base64');

/**
 * Reads the configuration of every service as it will do itself, so that nothing is started in vain.
 * @throws ConfigError with the faults of all of them, each once.
 */
export function requireValidConfig(settings: Settings): void {
  const faults = new Set<string>();
  for (const name of settings.processes) {
    const read = READERS[name];
    if (!read) continue;
    try {
      read(toSpec(name, settings, ANY_ROOT_KEY).env);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      for (const fault of error.faults) faults.add(fault);
    }
  }
  if (faults.size > 0) throw new ConfigError([...faults]);
}
