import { expect, test } from 'vitest';
import { createLogger } from '../../../shared/telemetry/logger.ts';
import { quietLogger } from './baileys-logger.ts';

function captured() {
  const lines: string[] = [];
  const logger = createLogger({
    name: 'test',
    level: 'trace',
    destination: { write: (line: string) => void lines.push(line) },
  });
  return { baileys: quietLogger(logger), lines };
}

test('objects are dropped, and identifiers and keys in texts are replaced', () => {
  const { baileys, lines } = captured();
  baileys.error({ node: { attrs: { jid: '79990000001@s.whatsapp.net' } } }, 'failed for 79990000001:3@s.whatsapp.net');
  baileys.warn({ qr: 'https://wa.me/settings/linked_devices#2@abc' }, 'mapping 100000000000001@lid is stale');
  baileys.error({ key: Buffer.from('secret') }, 'key q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA= is bad');
  baileys.child({ jid: '79990000001' }).error('79990000001 is gone');
  expect(lines).toHaveLength(4);
  expect(lines.join()).not.toMatch(/79990000001|100000000000001|secret|q83vEj|wa\.me/);
  expect(lines[0]).toContain('baileys: failed for #:3@s.whatsapp.net');
});

test('of an error only its message is told, wherever it stands in the object', () => {
  const { baileys, lines } = captured();
  const error = Object.assign(new Error('Bad MAC of 79990000001'), { data: { private: 'key' } });
  baileys.error({ err: error }, 'unexpected error');
  baileys.error(error, 'again');
  for (const line of lines) {
    expect(JSON.parse(line)).toMatchObject({ level: 40, detail: 'Bad MAC of #' });
    expect(line).not.toContain('private');
  }
});

test('what Baileys tells below warn is not told, and its level keeps it from rendering whole nodes', () => {
  const { baileys, lines } = captured();
  baileys.info({ me: { id: '79990000001' } }, 'pairing configured successfully');
  baileys.debug({ frame: {} }, 'communication recv');
  baileys.trace({ xml: '<iq/>' });
  expect(lines).toEqual([]);
  expect(baileys.level).toBe('warn');
});

test('the end of a stream is routine', () => {
  const { baileys, lines } = captured();
  baileys.error({ fullErrorNode: { attrs: { code: '515' } } }, 'stream errored out');
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 20 });
});
