import { run } from '../../shared/lifecycle/run.ts';
import { VARIABLES, toConfig } from './config.ts';
import { startWhatsApp } from './service.ts';

process.exitCode = await run({ name: 'whatsapp', variables: VARIABLES, toConfig, start: startWhatsApp });
