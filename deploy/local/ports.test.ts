import { createServer } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { choosePort } from './ports.ts';

const taken = createServer();

afterEach(
  () =>
    new Promise<void>((resolve) => {
      taken.close(() => resolve());
    }),
);

async function take(): Promise<number> {
  const port = await choosePort({ port: 0, variable: 'X' });
  await new Promise<void>((resolve) => {
    taken.listen(port, '127.0.0.1', resolve);
  });
  return port;
}

test('a taken port is refused by its number and the variable that moves it', async () => {
  const port = await take();
  const refusal = `port ${port} is taken; set NATS_PORT to another one`;
  await expect(choosePort({ port, variable: 'NATS_PORT', host: '127.0.0.1' })).rejects.toThrow(refusal);
});

test('0 becomes a port below the range of outgoing connections', async () => {
  const port = await take();
  const chosen = await choosePort({ port: 0, variable: 'NATS_PORT' });
  expect(chosen).not.toBe(port);
  expect(chosen).toBeGreaterThanOrEqual(12_000);
  expect(chosen).toBeLessThan(32_000);
});
