import { describe, expect, test } from 'vitest';
import { COMMON_VARIABLES, toCommonConfig } from './common.ts';
import { ConfigError, ConfigFaults } from './config-faults.ts';
import { formatVariables, readEnv } from './env.ts';

describe('readEnv', () => {
  const variables = [{ name: 'A', help: 'first', fallback: '1' } as const, { name: 'B', help: 'second' } as const];

  test('answers exactly the listed variables, an empty one as unset', () => {
    expect(readEnv(variables, { A: '', B: 'x', C: 'y' })).toEqual({ A: undefined, B: 'x' });
  });

  test('help shows every variable with its default', () => {
    expect(formatVariables(variables)).toBe('  A  first (default 1)\n  B  second');
  });
});

describe('ConfigFaults', () => {
  const key = Buffer.alloc(32, 7).toString('base64');

  test('all faults come at once, each naming its variable', () => {
    const faults = new ConfigFaults();
    faults.port('P', '70000', 1);
    faults.integer('N', '1.5', 1, { min: 0, max: 9 });
    faults.oneOf('L', 'loud', ['info'], 'info');
    faults.url('U', 'ftp://x', ['ws:', 'wss:']);
    faults.base64Key('K', 'short', 32);
    expect(() => faults.throwIfAny()).toThrow(ConfigError);
    try {
      faults.throwIfAny();
    } catch (error) {
      expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
      expect((error as ConfigError).faults.map((fault) => fault[0])).toEqual(['P', 'N', 'L', 'U', 'K']);
      expect((error as ConfigError).shouldRetry()).toBe(false);
    }
  });

  test.each(['-1', '1e3', '0x10', ' 5', '5 ', '٣', '', '99999999999999999999'])('%j is no integer', (raw) => {
    const faults = new ConfigFaults();
    faults.integer('N', raw, 1, { min: 0, max: 1_000_000 });
    expect(() => faults.throwIfAny()).toThrow(/N must be an integer/);
  });

  test('the value of a bad key is not repeated', () => {
    const faults = new ConfigFaults();
    faults.base64Key('CREDENTIALS_KEY', 'c2VjcmV0', 32);
    expect(() => faults.throwIfAny()).toThrow(/^(?!.*c2VjcmV0)/s);
  });

  test('good values pass and nothing is thrown', () => {
    const faults = new ConfigFaults();
    expect(faults.port('P', '0', 1)).toBe(0);
    expect(faults.base64Key('K', `${key}\n`, 32)).toEqual(Buffer.alloc(32, 7));
    expect(faults.url('U', 'ws://127.0.0.1:1/ws', ['ws:'])?.port).toBe('1');
    expect(faults.list(' a, ,b ', [])).toEqual(['a', 'b']);
    faults.throwIfAny();
  });
});

describe('toCommonConfig', () => {
  const unset = readEnv(COMMON_VARIABLES, {});

  test('an empty environment is a valid one', () => {
    const faults = new ConfigFaults();
    const config = toCommonConfig(unset, faults);
    faults.throwIfAny();
    expect(config).toMatchObject({ nats: { servers: ['nats://127.0.0.1:4222'] }, dataDir: '.data', logLevel: 'info' });
  });

  test.each([
    { REPLICA_ID: 'a b' },
    { REPLICA_ID: 'x'.repeat(65) },
    { NATS_URL: 'http://localhost:4222' },
    { NATS_URL: 'nats://ok:4222,localhost' },
    { LOG_LEVEL: 'verbose' },
  ])('%j is refused', (env) => {
    const faults = new ConfigFaults();
    toCommonConfig({ ...unset, ...env }, faults);
    expect(() => faults.throwIfAny()).toThrow(ConfigError);
  });
});
