import { expect, test } from 'vitest';
import { readEnv } from '../../shared/config/env.ts';
import { VARIABLES, toConfig } from './config.ts';

const config = (env: Record<string, string>) => toConfig(readEnv(VARIABLES, env));

test('nothing set: port 3004, a folder of its own, and no NATS', () => {
  expect(config({})).toMatchObject({ port: 3004, dataDir: '.data/simulator', watchesScreens: false, logLevel: 'info' });
});

test('with NATS_URL the phones see the screens', () => {
  expect(config({ NATS_URL: 'nats://nats:4222' })).toMatchObject({
    watchesScreens: true,
    nats: { servers: ['nats://nats:4222'] },
  });
});

test('the address to listen on is this machine’s alone unless another one is given', () => {
  expect(config({}).host).toBeUndefined();
  expect(config({ SIMULATOR_HOST: '0.0.0.0' }).host).toBe('0.0.0.0');
});

test('every fault is named at once', () => {
  expect(() => config({ SIMULATOR_PORT: '70000', LOG_LEVEL: 'loud' })).toThrowError(/LOG_LEVEL[^]*SIMULATOR_PORT/);
});
