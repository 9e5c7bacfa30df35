import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { WhatsAppOverrides } from '../../services/whatsapp/service.ts';
import type { CompanyId } from '../../shared/contract/company-id.ts';
import type { LogLine } from './linking-system.ts';
import { waitFor } from './wait-for.ts';

export interface HeldSession {
  readonly companyId: CompanyId;
  readonly state: string;
  readonly epoch: number;
}

const MAIN = join(import.meta.dirname, 'whatsapp-replica-main.ts');

/** One replica of the WhatsApp service as a process that can be killed, paused and stopped. It never outlives the test. */
export class WhatsAppReplica implements AsyncDisposable {
  readonly name: string;
  /** Of every process under this name so far. */
  readonly logs: LogLine[] = [];
  readonly #env: Readonly<Record<string, string>>;
  #child: ChildProcess | undefined;
  #port = 0;

  constructor(name: string, env: Readonly<Record<string, string>>, overrides: WhatsAppOverrides) {
    this.name = name;
    this.#env = {
      PATH: process.env['PATH'] ?? '',
      LOG_LEVEL: 'debug',
      REPLICA_ID: name,
      WHATSAPP_HTTP_PORT: '0',
      ...env,
      TEST_OVERRIDES: JSON.stringify(overrides),
    };
  }

  /** Resolves when it is ready. `env` goes on top of the replica's own, this time. */
  async start(env: Readonly<Record<string, string>> = {}): Promise<void> {
    const since = this.logs.length;
    const child = spawn(process.execPath, [MAIN], {
      env: { ...this.#env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child = child;
    const endWithTest = () => child.kill('SIGKILL');
    process.once('exit', endWithTest);
    child.once('exit', () => process.removeListener('exit', endWithTest));
    createInterface({ input: child.stdout }).on('line', (line) => this.#keep(line));
    const said = (msg: string) => this.logs.slice(since).find((line) => line.msg === msg);
    await waitFor(() => said('ready') ?? child.exitCode !== null, {
      what: `${this.name} to be ready`,
      timeoutMs: 60_000,
    });
    if (!said('ready')) throw new Error(`${this.name} did not start:\n${JSON.stringify(this.logs.slice(-5))}`);
    this.#port = Number(said('listening')?.['port']);
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** What it holds, as `GET /sessions` tells; nothing while it is down. */
  async sessions(): Promise<readonly HeldSession[]> {
    if (!this.running) return [];
    const response = await fetch(`http://127.0.0.1:${this.#port}/sessions`, { signal: AbortSignal.timeout(5_000) });
    return ((await response.json()) as { sessions: HeldSession[] }).sessions;
  }

  /** The sum of a counter over its series that contain `part`. */
  async metric(name: string, part = ''): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${this.#port}/metrics`)).text();
    return text
      .split('\n')
      .filter((line) => line.startsWith(name) && line.includes(part))
      .reduce((sum, line) => sum + Number(line.split(' ')[1]), 0);
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** As a supervisor does: SIGTERM, and waits for the end. Answers the exit code. */
  stop(): Promise<number | null> {
    return this.#end('SIGTERM');
  }

  /** Stands still with every connection open, as a virtual machine that is moved. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.resume();
    await this.kill();
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    if (!child || !this.running) return null;
    const exit = once(child, 'exit');
    child.kill(signal);
    const [code] = (await exit) as [number | null];
    return code;
  }

  #keep(line: string): void {
    if (line.startsWith('{')) this.logs.push(JSON.parse(line) as LogLine);
  }
}
