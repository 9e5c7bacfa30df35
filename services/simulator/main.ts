import { run } from '../../shared/lifecycle/run.ts';
import { VARIABLES, toConfig } from './config.ts';
import { startSimulator } from './service.ts';

process.exitCode = await run({
  name: 'simulator',
  variables: VARIABLES,
  toConfig,
  start: ({ port, host, dataDir, nats, watchesScreens }, logger) =>
    startSimulator({ port, host, dataDir, logger, nats: watchesScreens ? nats : undefined }),
});
