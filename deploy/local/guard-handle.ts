import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const GUARD = fileURLToPath(new URL('guard.ts', import.meta.url));

/** The starter's side of the guard: whatever is listed last is stopped by it when this process ends in any way. */
export class GuardHandle implements AsyncDisposable {
  readonly #child: ChildProcess;

  constructor(dataDir: string) {
    this.#child = spawn(process.execPath, [GUARD, dataDir], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    // Without a guard everything works but the cleaning up after a kill -9.
    this.#child.on('error', () => undefined);
    this.#child.stdin?.on('error', () => undefined);
  }

  /** @param pids in the order in which to stop them */
  list(pids: readonly number[]): void {
    if (this.#child.stdin?.writable) this.#child.stdin.write(`${pids.join(' ')}\n`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.stdin?.end('\n');
    await ended;
  }
}
