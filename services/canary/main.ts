import { run } from '../../shared/lifecycle/run.ts';
import { VARIABLES, toConfig } from './config.ts';
import { startCanary } from './service.ts';

process.exitCode = await run({ name: 'canary', variables: VARIABLES, toConfig, start: startCanary });
