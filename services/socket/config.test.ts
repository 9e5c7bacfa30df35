import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../shared/config/config-faults.ts';
import { readEnv } from '../../shared/config/env.ts';
import { VARIABLES, toConfig, type SocketVariable } from './config.ts';

const secret = 'x'.repeat(32);

function config(env: Partial<Record<SocketVariable, string>>) {
  return toConfig(readEnv<SocketVariable>(VARIABLES, env));
}

function faultsOf(env: Partial<Record<SocketVariable, string>>): readonly string[] {
  try {
    config(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
  }
  return [];
}

test('a secret is all that must be set', () => {
  expect(config({ JWT_SECRET: secret })).toMatchObject({
    httpPort: 3000,
    adminPort: undefined,
    auth: { keys: { kind: 'secrets', secrets: [Buffer.from(secret)] } },
    allowedOrigins: [],
    connectionsPerMinute: 5,
    trustedProxies: [],
  });
});

test('both secrets of a rotation are accepted, the new one first', () => {
  const { auth } = config({ JWT_SECRET: secret, JWT_SECRET_PREVIOUS: 'y'.repeat(32) });
  expect(auth.keys).toEqual({ kind: 'secrets', secrets: [Buffer.from(secret), Buffer.from('y'.repeat(32))] });
});

test('limits are read in the units of people', () => {
  const env = { JWT_SECRET: secret, REQUESTS_PER_MINUTE: '5', MAX_BUFFERED_KIB: '64', DRAIN_SECONDS: '0' };
  expect(config(env).limits).toMatchObject({
    maxSockets: 20_000,
    requestsPerMinute: 5,
    companyRequestsPerMinute: 15,
    maxBufferedBytes: 65_536,
    drainMs: 0,
  });
});

describe('is refused', () => {
  test.each([
    ['no way to check a token', {}, /JWT_SECRET or JWKS_URL/],
    ['a short secret', { JWT_SECRET: 'short' }, /JWT_SECRET must be at least 32 bytes/],
    ['a short previous secret', { JWT_SECRET: secret, JWT_SECRET_PREVIOUS: 'short' }, /JWT_SECRET_PREVIOUS must be/],
    ['two kinds of keys', { JWT_SECRET: secret, JWKS_URL: 'https://a.example/' }, /exclude each other/],
    ['a key set that is no URL', { JWKS_URL: 'a.example' }, /JWKS_URL must be a URL/],
    ['a wildcard origin', { JWT_SECRET: secret, ALLOWED_ORIGINS: 'https://*.example.com' }, /ALLOWED_ORIGINS: "https/],
    ['any origin', { JWT_SECRET: secret, ALLOWED_ORIGINS: '*' }, /ALLOWED_ORIGINS/],
    ['a proxy by name', { JWT_SECRET: secret, TRUSTED_PROXIES: 'proxy.example' }, /TRUSTED_PROXIES/],
    ['a limit of nothing', { JWT_SECRET: secret, CONNECTIONS_PER_MINUTE: '0' }, /CONNECTIONS_PER_MINUTE/],
    ['no room for browsers', { JWT_SECRET: secret, MAX_SOCKETS: '0' }, /MAX_SOCKETS/],
    ['a stop longer than the process has', { JWT_SECRET: secret, DRAIN_SECONDS: '60' }, /DRAIN_SECONDS/],
    ['a port that is none', { JWT_SECRET: secret, SOCKET_ADMIN_PORT: '70000' }, /SOCKET_ADMIN_PORT/],
  ])('%s', (_title, env, fault) => {
    expect(faultsOf(env)).toEqual([expect.stringMatching(fault)]);
  });

  test('everything at once, without the value of a secret', () => {
    const faults = faultsOf({ JWT_SECRET: 'hunter2', SOCKET_HTTP_PORT: 'x', ALLOWED_ORIGINS: 'x, y' });
    expect(faults).toHaveLength(4);
    expect(faults.join()).not.toContain('hunter2');
  });
});
