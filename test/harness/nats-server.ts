import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { waitFor } from './wait-for.ts';

export interface NatsServerOptions {
  readonly jetstream?: boolean;
  /** A free port is picked when absent. */
  readonly port?: number;
  /** JetStream's folder; one of the harness's own, removed at the end, when absent. */
  readonly storeDir?: string;
  /** Further lines of server configuration, such as `authorization { … }`. */
  readonly config?: string;
  /** Milliseconds until the server must answer; a cluster member with a large store needs more. */
  readonly startTimeoutMs?: number;
}

/** 64 KiB for the body and 8 KiB for headers, as every NATS configuration of the project has it. */
const MAX_PAYLOAD_BYTES = 72 * 1024;

/**
 * A real nats-server of one test. Its port and store stay the same over `kill` and `restart`, so clients find it again.
 * The process never outlives the one that started it.
 */
export class NatsServer {
  readonly port: number;
  readonly url: string;
  readonly storeDir: string;
  readonly #directory: string;
  readonly #startTimeoutMs: number;
  #process: ChildProcess | undefined;

  private constructor(directory: string, port: number, options: NatsServerOptions) {
    this.#directory = directory;
    this.port = port;
    this.url = `nats://127.0.0.1:${port}`;
    this.storeDir = options.storeDir ?? join(directory, 'jetstream');
    this.#startTimeoutMs = options.startTimeoutMs ?? 20_000;
  }

  /** Rejects with the server's own output when it does not come up. */
  static async start(options: NatsServerOptions): Promise<NatsServer> {
    const directory = await mkdtemp(join(tmpdir(), 'nats-'));
    const server = new NatsServer(directory, options.port ?? (await freePort()), options);
    const { jetstream = true, config = '' } = options;
    const lines = [
      `listen: "127.0.0.1:${server.port}"`,
      `max_payload: ${MAX_PAYLOAD_BYTES}`,
      ...(jetstream ? [`jetstream { store_dir: ${JSON.stringify(server.storeDir)} }`] : []),
      config,
    ];
    await writeFile(server.#configFile, lines.join('\n'));
    try {
      await server.restart();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Starts the server again after `kill`, on the same port and store; a running one is stopped in order first. */
  async restart(): Promise<void> {
    await this.#end('SIGTERM');
    const output: string[] = [];
    const child = spawn(process.env['NATS_SERVER_BIN'] ?? 'nats-server', ['-c', this.#configFile], {
      stdio: ['ignore', 'ignore', 'pipe'],
      // A Ctrl-C goes to the whole terminal; what publishes would wait for this server for ever.
      detached: true,
    });
    this.#process = child;
    endWithThisProcess(child);
    child.stderr?.on('data', (chunk: Buffer) => {
      output.push(chunk.toString());
      if (output.length > 200) output.shift();
    });
    const spawnFailure = once(child, 'error').then(([error]) => error as Error);
    spawnFailure.catch(() => undefined);
    const answered = waitFor(() => child.exitCode !== null || answers(this.port), {
      what: `nats-server on port ${this.port}`,
      timeoutMs: this.#startTimeoutMs,
    });
    const outcome = await Promise.race([answered, spawnFailure]);
    if (outcome instanceof Error) throw outcome;
    if (child.exitCode !== null) throw new Error(`nats-server ended with ${child.exitCode}:\n${output.join('')}`);
  }

  /** SIGKILL: as a crash, with nothing flushed or said to clients. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** Stands still without closing anything, as a host that lost its network; `resume` ends it. Resolves when it does. */
  async pause(): Promise<void> {
    const pid = this.#process?.pid;
    if (pid === undefined) return;
    this.#process?.kill('SIGSTOP');
    await waitFor(() => standsStill(pid), { what: `process ${pid} to stand still` });
  }

  resume(): void {
    this.#process?.kill('SIGCONT');
  }

  /** Ends the server for good and removes what the harness made. */
  async stop(): Promise<void> {
    this.resume();
    await this.#end('SIGTERM');
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 5 });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  get #configFile(): string {
    return join(this.#directory, 'server.conf');
  }
}

/** A real nats-server with JetStream on a port of its own; the binary is `NATS_SERVER_BIN` or the one in PATH. */
export function startNatsServer(options: NatsServerOptions = {}): Promise<NatsServer> {
  return NatsServer.start(options);
}

/**
 * A shell that waits for the end of a pipe which only this process holds, because a test process that is killed runs
 * no exit handler of its own.
 */
function endWithThisProcess(child: ChildProcess): void {
  if (child.pid === undefined) return;
  const watchdog = spawn('sh', ['-c', 'read _; kill -9 "$0"', String(child.pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  watchdog.unref();
  child.once('exit', () => watchdog.kill('SIGKILL'));
}

/** The signal reaches one thread after the other: until it reached the last one the server still answers. */
async function standsStill(pid: number): Promise<boolean> {
  if (process.platform !== 'linux') {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'state=', '-p', String(pid)]);
    return stdout.trim().startsWith('T');
  }
  const threads = await readdir(`/proc/${pid}/task`);
  const states = await Promise.all(threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8')));
  return states.every((stat) => stat.slice(stat.lastIndexOf(')') + 2).startsWith('T'));
}

/** The server speaks first, so the first bytes of a connection say that it is up, with its streams recovered. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const settle = (up: boolean) => () => {
      socket.destroy();
      resolve(up);
    };
    socket.once('data', settle(true)).once('error', settle(false)).once('close', settle(false));
  });
}

/**
 * A free port below the range that outgoing connections take theirs from: while the server is down between `kill` and
 * `restart` nobody else can be given it, and a client that dials it cannot meet itself.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 20_000);
    const probe = createServer();
    const free = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    await new Promise((resolve) => {
      probe.close(resolve);
    });
    return port;
  }
}
