import { afterEach, expect, test } from 'vitest';
import { StopSignals } from './stop-signals.ts';

let nowMs = 0;
let signals: StopSignals | undefined;

afterEach(() => signals?.[Symbol.dispose]());

function listen(): StopSignals {
  nowMs = 10_000;
  signals = new StopSignals(() => nowMs);
  return signals;
}

test('the first signal asks to stop', async () => {
  const { first } = listen();
  process.emit('SIGTERM');
  await first;
  expect(signals?.count).toBe(1);
});

test('one Ctrl-C that arrives from the terminal and again from npm counts once', () => {
  const listening = listen();
  process.emit('SIGINT');
  nowMs += 20;
  process.emit('SIGINT');
  expect(listening.count).toBe(1);
});

test('a second key press insists', async () => {
  const listening = listen();
  process.emit('SIGINT');
  nowMs += 700;
  process.emit('SIGINT');
  await listening.second;
  expect(listening.count).toBe(2);
});

test('nothing listens once it is disposed of', () => {
  const before = process.listenerCount('SIGHUP');
  listen()[Symbol.dispose]();
  expect(process.listenerCount('SIGHUP')).toBe(before);
});
