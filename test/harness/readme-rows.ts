import { VARIABLES as CANARY } from '../../services/canary/config.ts';
import { VARIABLES as SIMULATOR } from '../../services/simulator/config.ts';
import { SCENARIOS } from '../../services/simulator/scenarios.ts';
import { VARIABLES as SOCKET } from '../../services/socket/config.ts';
import { VARIABLES as WHATSAPP } from '../../services/whatsapp/config.ts';
import { COMMON_VARIABLES } from '../../shared/config/common.ts';
import type { Variable } from '../../shared/config/env.ts';

const common = new Set<string>(COMMON_VARIABLES.map(({ name }) => name));

/** The README's configuration tables by heading, as the services themselves would write them. */
export const CONFIGURATION_ROWS: Readonly<Record<string, readonly string[]>> = {
  'Every service': COMMON_VARIABLES.map(toRow),
  'WhatsApp service': own(WHATSAPP),
  'Socket service': own(SOCKET),
  Simulator: own(SIMULATOR),
  Canary: own(CANARY),
};

/** The README's table of scenarios: what the client sees, and the knobs with their defaults. */
export const SCENARIO_ROWS: readonly string[] = SCENARIOS.map(({ name, client, knobs }) => {
  const defaults = Object.entries(knobs).map(([knob, { fallback }]) => `\`${knob}=${fallback}\``);
  return `| \`${name}\` | ${client} | ${defaults.join(' ')} |`;
});

function own(variables: readonly Variable[]): string[] {
  return variables.filter(({ name }) => !common.has(name)).map(toRow);
}

function toRow({ name, help, fallback = '' }: Variable): string {
  return `| \`${name}\` | ${help} | ${fallback} |`;
}
