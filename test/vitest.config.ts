import { defineConfig } from 'vitest/config';
import { ClosingLineReporter } from './harness/closing-line-reporter.ts';

/**
 * One project per environment, told apart by the file name: `x.test.ts` is pure, `x.nats.test.ts` owns a real
 * nats-server, `x.pg.test.ts` a real PostgreSQL, `x.e2e.test.ts` the whole system and a real Chromium.
 */
const integration = { testTimeout: 60_000, hookTimeout: 120_000 };

export default defineConfig({
  test: {
    // Most of the time is spent waiting for servers, not computing: more files at once than cores.
    maxWorkers: 4,
    reporters: ['default', new ClosingLineReporter()],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{services,shared,deploy,grafana,test}/**/*.test.ts'],
          exclude: ['**/*.{nats,pg,e2e}.test.ts', '**/node_modules/**'],
          testTimeout: 20_000,
        },
      },
      { test: { name: 'nats', include: ['{services,shared,deploy,test}/**/*.nats.test.ts'], ...integration } },
      { test: { name: 'pg', include: ['{services,shared,test}/**/*.pg.test.ts'], ...integration } },
      {
        test: {
          name: 'e2e',
          include: ['test/**/*.e2e.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
