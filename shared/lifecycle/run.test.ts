import { afterEach, expect, test } from 'vitest';
import { run, type Service } from './run.ts';

const argv = [...process.argv];
afterEach(() => {
  process.argv = [...argv];
});

const base = { name: 'probe', variables: [], toConfig: () => ({ logLevel: 'silent' }) };

/** Runs a service and sends this process the signal once it has started; `run` takes the signal instead of the runner. */
async function runUntilSignal(stop: () => Promise<void>, options: { stopTimeoutMs?: number } = {}): Promise<number> {
  return await run({
    ...base,
    ...options,
    start: (): Promise<Service> => {
      setImmediate(() => process.emit('SIGTERM', 'SIGTERM'));
      return Promise.resolve({ stop });
    },
  });
}

test('an orderly stop on a signal ends with 0', async () => {
  const stopped: string[] = [];
  expect(await runUntilSignal(() => Promise.resolve(void stopped.push('service')))).toBe(0);
  expect(stopped).toEqual(['service']);
});

test('a signal during the start waits for the start and then stops', async () => {
  const order: string[] = [];
  const code = await run({
    ...base,
    start: async () => {
      process.emit('SIGTERM', 'SIGTERM');
      await Promise.resolve();
      order.push('started');
      return { stop: () => Promise.resolve(void order.push('stopped')) };
    },
  });
  expect({ code, order }).toEqual({ code: 0, order: ['started', 'stopped'] });
});

test('a stop that fails or does not end in time ends with 1', async () => {
  expect(await runUntilSignal(() => Promise.reject(new Error('stuck')))).toBe(1);
  expect(await runUntilSignal(() => new Promise(() => undefined), { stopTimeoutMs: 1 })).toBe(1);
});

test('a failed start ends with 1', async () => {
  expect(await run({ ...base, start: () => Promise.reject(new Error('no port')) })).toBe(1);
});

test('a service that fails while running is stopped and ends with 1', async () => {
  const stopped: string[] = [];
  const code = await run({
    ...base,
    start: () =>
      Promise.resolve({
        stop: () => Promise.resolve(void stopped.push('service')),
        failed: Promise.reject(new Error('lost')),
      }),
  });
  expect({ code, stopped }).toEqual({ code: 1, stopped: ['service'] });
});

test('a start that waits for somebody is given up on a signal, and that is an orderly stop', async () => {
  const code = await run({
    ...base,
    start: (_config, _logger, stopping) =>
      new Promise((_resolve, reject) => {
        stopping.addEventListener('abort', () => reject(stopping.reason as Error), { once: true });
        process.emit('SIGTERM', 'SIGTERM');
      }),
  });
  expect(code).toBe(0);
});
