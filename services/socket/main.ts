import { run } from '../../shared/lifecycle/run.ts';
import { VARIABLES, toConfig } from './config.ts';
import { startSocketService } from './service.ts';

process.exitCode = await run({ name: 'socket', variables: VARIABLES, toConfig, start: startSocketService });
