import { describe, expect, test } from 'vitest';
import { readEnv } from '../../shared/config/env.ts';
import { toConfig, VARIABLES } from './config.ts';

function configOf(env: Record<string, string>) {
  return toConfig(readEnv(VARIABLES, env));
}

const TOKEN = { CANARY_TOKEN_FILE: '/run/secrets/canary' };

describe('the configuration of the canary', () => {
  test('has the documented defaults', () => {
    expect(configOf(TOKEN)).toMatchObject({
      httpPort: 3005,
      socketUrls: ['http://127.0.0.1:3000'],
      streamReplicas: 1,
      tokens: { kind: 'file', path: '/run/secrets/canary' },
    });
  });

  test('reads the replicas of the socket service, each once and without its path', () => {
    const { socketUrls } = configOf({ ...TOKEN, SOCKET_URLS: 'http://a:3000/, https://b.example.com/x,http://a:3000' });
    expect(socketUrls).toEqual(['http://a:3000', 'https://b.example.com']);
  });

  test('names all faults at once', () => {
    const env = { CANARY_HTTP_PORT: '99999', SOCKET_URLS: 'ws://a', STREAM_REPLICAS: '2' };
    expect(() => configOf(env)).toThrow(
      /CANARY_HTTP_PORT[^]*SOCKET_URLS must be a URL[^]*STREAM_REPLICAS[^]*either JWT_SECRET or CANARY_TOKEN_FILE/,
    );
  });

  test('takes a secret or a token, not both', () => {
    expect(() => configOf({ ...TOKEN, JWT_SECRET: 'secret' })).toThrow(/either JWT_SECRET or CANARY_TOKEN_FILE/);
  });

  test.each([',', Array.from({ length: 65 }, (_, n) => `http://r${n}`).join()])(
    'bounds the replicas: %.20s',
    (urls) => {
      expect(() => configOf({ ...TOKEN, SOCKET_URLS: urls })).toThrow(/1 to 64 replicas/);
    },
  );
});
