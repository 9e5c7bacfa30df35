import { describe, expect, test } from 'vitest';
import { toLocalOptions } from './options.ts';
import { toSettings, toSpec } from './process-specs.ts';

const FREE = {
  SOCKET_HTTP_PORT: '0',
  WHATSAPP_HTTP_PORT: '0',
  SIMULATOR_PORT: '0',
  CANARY_HTTP_PORT: '0',
  TRACE_UI_PORT: '0',
  PROMETHEUS_PORT: '0',
  NATS_PORT: '0',
};

async function settle(args: readonly string[], env: Record<string, string>) {
  const options = toLocalOptions(args, { ...FREE, ...env });
  if (!options) throw new TypeError('help was asked for');
  return await toSettings(options, 'secret');
}

describe('the command line', () => {
  test('has the documented defaults', () => {
    expect(toLocalOptions([], {})).toMatchObject({
      live: false,
      verbose: false,
      ports: {
        nats: 4222,
        simulator: 3004,
        whatsapp: 3003,
        socket: 3000,
        canary: 3005,
        traces: 3006,
        prometheus: 9090,
      },
    });
  });

  test('asks for help with --help', () => {
    expect(toLocalOptions(['--help'], {})).toBeUndefined();
  });

  test.each([[['--nope']], [['live']]])('refuses %j', (args) => {
    expect(() => toLocalOptions(args, {})).toThrow(TypeError);
  });

  test('names every fault of the environment at once', () => {
    const env = { NATS_PORT: '-1', SIMULATOR_PORT: '70000', WHATSAPP_URL: 'ws://localhost:1' };
    expect(() => toLocalOptions(['--live'], env)).toThrow(/NATS_PORT[^]*SIMULATOR_PORT[^]*--live/);
  });

  test('keeps the state of real WhatsApp apart from the simulator’s', () => {
    const simulated = toLocalOptions([], { DATA_DIR: '/data' });
    const live = toLocalOptions(['--live'], { DATA_DIR: '/data' });
    expect([simulated?.stateDir, live?.stateDir, live?.dataDir]).toEqual(['/data', '/data/live', '/data']);
  });
});

describe('what is run', () => {
  test('is everything, nats first', async () => {
    const { processes, natsUrl, ports } = await settle([], {});
    expect(processes).toEqual(['nats', 'simulator', 'whatsapp', 'socket', 'canary']);
    expect(natsUrl).toBe(`nats://127.0.0.1:${ports.nats}`);
    expect(new Set(Object.values(ports)).size).toBe(6);
  });

  test('leaves out what runs elsewhere already', async () => {
    const { processes, natsUrl } = await settle([], { NATS_URL: 'nats://bus:4222', WHATSAPP_URL: 'ws://wa:1' });
    expect(processes).toEqual(['whatsapp', 'socket', 'canary']);
    expect(natsUrl).toBe('nats://bus:4222');
  });

  test('never hands a root key to a session with real WhatsApp', async () => {
    const settings = await settle(['--live'], { WHATSAPP_ROOT_KEY: 'a2V5' });
    expect(settings.processes).not.toContain('simulator');
    expect(toSpec('whatsapp', settings, 'a2V5').env).toMatchObject({
      WHATSAPP_URL: undefined,
      WHATSAPP_ROOT_KEY: undefined,
    });
  });

  test('points the WhatsApp service at the simulator and its key', async () => {
    const settings = await settle([], {});
    expect(toSpec('whatsapp', settings, 'a2V5').env).toMatchObject({
      WHATSAPP_URL: `ws://127.0.0.1:${settings.ports.simulator}/ws/chat`,
      WHATSAPP_ROOT_KEY: 'a2V5',
      OTEL_TRACES_SAMPLER: 'always_on',
    });
  });

  test('lets what the developer set win over what is only a default', async () => {
    const settings = await settle([], { OTEL_TRACES_SAMPLER: 'always_off', ALLOWED_ORIGINS: 'https://a.example' });
    expect(toSpec('socket', settings, undefined).env).toMatchObject({
      OTEL_TRACES_SAMPLER: 'always_off',
      ALLOWED_ORIGINS: 'https://a.example',
      JWT_SECRET: 'secret',
    });
  });
});
