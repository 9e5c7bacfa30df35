import { fork, type ChildProcess } from 'node:child_process';
import { basename } from 'node:path';

/** What a generator process can be asked to do. */
export type Methods = Record<string, (argument: never) => unknown>;

/** `[]` for a method that takes nothing. */
type Arguments<Method> = Method extends (...args: infer A) => unknown ? A : never;
type Answer<Method> = Method extends (...args: never) => infer R ? Awaited<R> : never;

interface Call {
  readonly id: number;
  readonly method: string;
  readonly argument: unknown;
}

interface Reply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** A generator process ended, or what it was asked to do failed there. */
export class GeneratorError extends Error {
  readonly code = 'GENERATOR_FAILED';

  constructor(message: string) {
    super(message);
    this.name = 'GeneratorError';
  }

  shouldRetry(): boolean {
    return false;
  }
}

/** Answers the starter of this process, and ends with it, whatever ends it. */
export function serve(methods: Methods): void {
  // A Ctrl-C goes to the whole terminal; the starter decides what becomes of the run.
  process.on('SIGINT', () => undefined);
  process.on('disconnect', () => process.exit());
  process.on('message', (call: Call) => void answer(methods, call));
}

async function answer(methods: Methods, { id, method, argument }: Call): Promise<void> {
  let reply: Reply;
  try {
    reply = { id, value: await methods[method]?.(argument as never) };
  } catch (error) {
    reply = { id, error: textOf(error) };
  }
  process.send?.(reply);
}

/** With the stack where it is a mistake of the program: an expected failure has a code. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error ? `${String(error.code)}: ${error.message}` : (error.stack ?? error.message);
}

/** A generator process, seen from its starter. */
export class Remote<Served extends Methods> implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  readonly #name: string;
  #calls = 0;
  #ended = false;

  /** @param env on top of the own environment */
  constructor(file: string, env: Readonly<Record<string, string>> = {}) {
    this.#name = basename(file);
    this.#child = fork(file, {
      serialization: 'advanced',
      execArgv: [],
      env: { ...process.env, NODE_OPTIONS: '', ...env },
    });
    this.#child.on('message', (reply: Reply) => this.#settle(reply));
    // Also for what cannot be sent because the process has just ended.
    this.#child.on('error', (error) => this.#end(error.message));
    this.#child.once('exit', (code, signal) => {
      this.#ended = true;
      this.#end(`ended with ${signal ?? `code ${code}`}`);
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** @throws GeneratorError when it fails there, or the process ends first. */
  call<Name extends keyof Served & string>(
    method: Name,
    ...[argument]: Arguments<Served[Name]>
  ): Promise<Answer<Served[Name]>> {
    if (this.#ended) return Promise.reject(new GeneratorError(`${this.#name} has ended`));
    const id = (this.#calls += 1);
    const { promise, resolve, reject } = Promise.withResolvers<Answer<Served[Name]>>();
    this.#waiting.set(id, { resolve, reject });
    this.#child.send({ id, method, argument } satisfies Call);
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#child.once('exit', () => resolve());
    this.#child.kill('SIGKILL');
    await promise;
  }

  #settle({ id, value, error }: Reply): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(value as never);
    else waiting?.reject(new GeneratorError(`${this.#name}: ${error}`));
  }

  #end(how: string): void {
    for (const { reject } of this.#waiting.values()) reject(new GeneratorError(`${this.#name} ${how}`));
    this.#waiting.clear();
  }
}
