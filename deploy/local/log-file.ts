import { closeSync, existsSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeFolder } from '../../shared/config/make-folder.ts';

/**
 * The log of one process: a new file at every start of the system, the one before it kept as `<path>.1`. It never grows
 * beyond `maxBytes`: then it starts anew in the same way. Lines are on disk when `write` returns.
 */
export class LogFile implements Disposable {
  readonly path: string;
  readonly #maxBytes: number;
  #descriptor: number;
  #bytes = 0;

  constructor(path: string, maxBytes = 32 * 1024 * 1024) {
    this.path = path;
    this.#maxBytes = maxBytes;
    makeFolder(dirname(path));
    this.#descriptor = openAnew(path);
  }

  write(line: string): void {
    if (this.#bytes > this.#maxBytes) {
      closeSync(this.#descriptor);
      this.#descriptor = openAnew(this.path);
      this.#bytes = 0;
    }
    this.#bytes += writeSync(this.#descriptor, `${line}\n`);
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
  }
}

function openAnew(path: string): number {
  if (existsSync(path)) renameSync(path, `${path}.1`);
  return openSync(path, 'a', 0o600);
}
