/**
 * Ends what a start that was killed left behind. It holds the reading end of a pipe: each line is the list of processes
 * that run, in the order in which to stop them; when the start is gone the pipe ends, and what the last line lists is
 * stopped. An orderly stop lists nothing at the end. In a process group of its own, so that a Ctrl-C passes it by.
 *
 * Usage: node guard.ts <data folder>
 */
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { GUARD_LOCK } from './data-folder.ts';
import { tryLock } from './lock.mjs';

const PATIENCE_MS = 10_000;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

const lock = tryLock(join(process.argv[2] ?? '.', GUARD_LOCK));
let running: readonly number[] = [];
for await (const line of createInterface({ input: process.stdin })) {
  running = line.split(' ').filter(Boolean).map(Number);
}
for (const pid of running) await end(pid);
if (lock.taken) lock.release();

async function end(pid: number): Promise<void> {
  if (!send(pid, 'SIGTERM')) return;
  const deadline = performance.now() + PATIENCE_MS;
  while (performance.now() < deadline) {
    await sleep(50);
    if (!send(pid, 0)) break;
  }
  // Every process leads a group of its own: this reaches its children too.
  send(-pid, 'SIGKILL');
}

/** Answers whether there was somebody to receive it. */
function send(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    throw error;
  }
}
