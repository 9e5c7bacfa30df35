import { VARIABLES, toConfig } from '../../services/whatsapp/config.ts';
import { startWhatsApp, type WhatsAppOverrides } from '../../services/whatsapp/service.ts';
import { run } from '../../shared/lifecycle/run.ts';

/** The WhatsApp service as a process of its own, with the times of a test. */
const overrides = JSON.parse(process.env['TEST_OVERRIDES'] ?? '{}') as WhatsAppOverrides;

const code = await run({
  name: 'whatsapp',
  variables: VARIABLES,
  toConfig,
  start: (config, logger, stopping) => startWhatsApp(config, logger, stopping, overrides),
});
// Timers of Baileys would hold the process, as in the service's own main.
process.exit(code);
