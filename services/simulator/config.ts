import { join } from 'node:path';
import { COMMON_VARIABLES, toCommonConfig, type CommonConfig } from '../../shared/config/common.ts';
import { ConfigFaults } from '../../shared/config/config-faults.ts';
import type { RawEnv, Variable } from '../../shared/config/env.ts';

type Name = (typeof COMMON_VARIABLES)[number]['name'] | 'SIMULATOR_PORT' | 'SIMULATOR_HOST';

export const VARIABLES: readonly Variable<Name>[] = [
  { name: 'SIMULATOR_PORT', help: 'WebSocket, HTTP API and phone page; 0 picks a free port', fallback: '3004' },
  {
    name: 'SIMULATOR_HOST',
    help: 'address to listen on; 0.0.0.0 lets other machines control the phones, too',
    fallback: '127.0.0.1',
  },
  ...COMMON_VARIABLES,
];

export interface SimulatorConfig extends CommonConfig {
  readonly port: number;
  readonly host: string | undefined;
  /** Whether the phones look at the salons' screens, which takes a NATS server. */
  readonly watchesScreens: boolean;
}

/** Without `NATS_URL` the simulator stands alone: QRs are then pasted. State goes to `DATA_DIR/simulator`. */
export function toConfig(raw: RawEnv<Name>): SimulatorConfig {
  const faults = new ConfigFaults();
  const common = toCommonConfig(raw, faults);
  const config = {
    ...common,
    dataDir: join(common.dataDir, 'simulator'),
    port: faults.port('SIMULATOR_PORT', raw.SIMULATOR_PORT, 3004),
    host: raw.SIMULATOR_HOST,
    watchesScreens: raw.NATS_URL !== undefined,
  };
  faults.throwIfAny();
  return config;
}
