import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { LogFile } from './log-file.ts';
import { readLogLine, type LogLine } from './log-line.ts';

/** What to run: a process of the local system. */
export interface ProcessSpec {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** A process ended although nobody asked it to, or never became ready. `lastLines` is what it said last. */
export class ProcessFailedError extends Error {
  readonly code = 'PROCESS_FAILED';
  readonly lastLines: readonly string[];

  constructor(name: string, how: string, lastLines: readonly string[], cause?: unknown) {
    super(`${name} ${how}`, { cause });
    this.name = 'ProcessFailedError';
    this.lastLines = lastLines;
  }

  shouldRetry(): boolean {
    return true;
  }
}

export interface ProcessObserver {
  onLine(line: LogLine): void;
  /** A process that had been ready ended by itself; `how` says with which code or signal. */
  onUnexpectedEnd(failure: ProcessFailedError): void;
  /** The process id is another one, or none. */
  onPidChange(): void;
}

const READY_TIMEOUT_MS = 120_000;
const KEPT_LINES = 20;

/**
 * One process of the system, in a process group of its own: a Ctrl-C in the terminal does not reach it, so that the order
 * of stopping holds. It can be started again after it ended.
 */
export class LocalProcess {
  readonly name: string;
  /** Ports by the variable that moves them, as the process reported them. */
  readonly ports = new Map<string, number>();
  readonly #log: LogFile;
  readonly #observer: ProcessObserver;
  readonly #lastLines: string[] = [];
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #endWanted = false;

  constructor(name: string, log: LogFile, observer: ProcessObserver) {
    this.name = name;
    this.#log = log;
    this.#observer = observer;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /**
   * Resolves when the process says that it is ready.
   * @throws ProcessFailedError when it ends first or stays silent for two minutes.
   */
  async start(spec: ProcessSpec): Promise<void> {
    this.#endWanted = false;
    const child = spawn(spec.command, spec.args, {
      env: spec.env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    const ready = Promise.withResolvers<void>();
    let wasReady = false;
    const onLine = (raw: string) => {
      if (this.#take(raw).ready !== true) return;
      wasReady = true;
      ready.resolve();
    };
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', onLine);
    const timer = setTimeout(() => ready.reject(this.#failure('did not become ready in time')), READY_TIMEOUT_MS);
    child.once('error', (error) => ready.reject(this.#failure(`cannot be run: ${error.message}`, error)));
    child.once('exit', () => this.#signalGroup('SIGKILL', child));
    this.#ended = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        if (this.#child === child) this.#child = undefined;
        this.#observer.onPidChange();
        const failure = this.#failure(signal ? `was ended by ${signal}` : `ended with exit code ${code}`);
        ready.reject(failure);
        resolve();
        if (wasReady && !this.#endWanted) this.#observer.onUnexpectedEnd(failure);
      });
    });
    this.#observer.onPidChange();
    try {
      await ready.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** SIGTERM, and SIGKILL for what is left after `timeoutMs`. Answers whether it ended by itself in time. */
  async stop(timeoutMs: number): Promise<boolean> {
    this.#endWanted = true;
    const child = this.#child;
    if (child?.pid === undefined) return true;
    child.kill('SIGTERM');
    let inTime = true;
    const timer = setTimeout(() => {
      inTime = false;
      this.#signalGroup('SIGKILL', child);
    }, timeoutMs);
    await this.#ended;
    clearTimeout(timer);
    return inTime;
  }

  /** SIGKILL to the process and its children, as a crash; it is not brought back. */
  async kill(): Promise<void> {
    this.#endWanted = true;
    if (this.#child) this.#signalGroup('SIGKILL', this.#child);
    await this.#ended;
  }

  #take(raw: string): LogLine {
    this.#log.write(raw);
    const line = readLogLine(raw);
    if (line.listening) this.ports.set(line.listening.variable, line.listening.port);
    this.#lastLines.push(raw);
    if (this.#lastLines.length > KEPT_LINES) this.#lastLines.shift();
    this.#observer.onLine(line);
    return line;
  }

  #failure(how: string, cause?: unknown): ProcessFailedError {
    return new ProcessFailedError(this.name, how, [...this.#lastLines], cause);
  }

  #signalGroup(signal: NodeJS.Signals, { pid }: ChildProcess): void {
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  }
}
