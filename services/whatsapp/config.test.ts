import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../shared/config/config-faults.ts';
import { readEnv } from '../../shared/config/env.ts';
import { VARIABLES, toConfig } from './config.ts';

const key = randomBytes(32).toString('base64');

function config(env: Record<string, string> = {}) {
  return toConfig(readEnv(VARIABLES, env));
}

function faultsOf(env: Record<string, string>): readonly string[] {
  try {
    config(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

test('an empty environment is a working configuration on WhatsApp itself', () => {
  expect(config()).toMatchObject({
    httpPort: 3003,
    whatsapp: { url: undefined, rootKey: undefined, version: undefined },
    streamReplicas: 1,
    databaseUrl: undefined,
    sessions: { max: 1000, idleMs: 600_000 },
  });
});

test('a root key is accepted together with a server that is not WhatsApp', () => {
  const { whatsapp } = config({ WHATSAPP_URL: 'ws://127.0.0.1:3004/ws/chat', WHATSAPP_ROOT_KEY: key });
  expect(whatsapp.url?.port).toBe('3004');
  expect(whatsapp.rootKey?.toString('base64')).toBe(key);
});

test('a server without a root key keeps the root key of WhatsApp', () => {
  expect(config({ WHATSAPP_URL: 'ws://127.0.0.1:3004/ws/chat' }).whatsapp.rootKey).toBeUndefined();
});

describe('a root key is refused', () => {
  test.each([
    undefined,
    'wss://web.whatsapp.com/ws/chat',
    'wss://WEB.WHATSAPP.COM/ws/chat',
    'wss://whatsapp.net/',
    'wss://g.whatsapp.net./ws',
    'wss://user@web.whatsapp.com:8443/ws/chat',
  ])('with WHATSAPP_URL %s', (url) => {
    const env = { WHATSAPP_ROOT_KEY: key, ...(url && { WHATSAPP_URL: url }) };
    expect(faultsOf(env)).toEqual([expect.stringContaining('WHATSAPP_ROOT_KEY needs a WHATSAPP_URL')]);
  });

  test('but a host that only ends in the same letters is not WhatsApp', () => {
    expect(faultsOf({ WHATSAPP_ROOT_KEY: key, WHATSAPP_URL: 'wss://notwhatsapp.com/' })).toEqual([]);
  });
});

test('every fault is named at once, and no secret is repeated', () => {
  const faults = faultsOf({
    WHATSAPP_URL: 'https://web.whatsapp.com',
    WHATSAPP_VERSION: '2.3000',
    WHATSAPP_HTTP_PORT: '70000',
    DATABASE_URL: 'mysql://localhost',
    CREDENTIALS_KEY: 'c2VjcmV0',
    CREDENTIALS_KEY_FILE: '/run/key',
    STREAM_REPLICAS: '2',
    MAX_SESSIONS: '0',
    SESSION_IDLE_MINUTES: 'soon',
  });
  const named = ['WHATSAPP_URL', 'WHATSAPP_VERSION', 'WHATSAPP_HTTP_PORT', 'DATABASE_URL', 'CREDENTIALS_KEY must'];
  for (const name of [...named, 'STREAM_REPLICAS', 'MAX_SESSIONS', 'SESSION_IDLE_MINUTES', 'exclude each other']) {
    expect(faults).toContainEqual(expect.stringContaining(name));
  }
  expect(faults.join()).not.toContain('c2VjcmV0');
});
