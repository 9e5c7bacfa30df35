import { join } from 'node:path';
import { claimDataFolder } from './data-folder.ts';
import { GuardHandle } from './guard-handle.ts';
import { readOrCreateJwtSecret } from './jwt-secret.ts';
import { LocalProcess } from './local-process.ts';
import { LogFile } from './log-file.ts';
import { formatLogLine, isWarning } from './log-line.ts';
import { OBSERVER_NAMES, preparePrometheus } from './observe.ts';
import type { LocalOptions } from './options.ts';
import { requireValidConfig } from './process-config.ts';
import { scrapedPorts, STOP_TIMEOUT_MS, toSettings, toSpec, type ProcessName, type Settings } from './process-specs.ts';
import { Revival } from './revival.ts';
import { readRootKey } from './simulator-root-key.ts';

/** Writes one line for the person at the terminal. */
export type Say = (line: string) => void;

/**
 * nats-server, the simulator and the services as separate processes on this machine. One that dies by itself comes back
 * after a second; five times a minute, then the system has failed. Whatever happens to this process, none of them stays
 * behind.
 */
export class LocalSystem implements AsyncDisposable {
  readonly #options: LocalOptions;
  readonly #say: Say;
  readonly #resources = new AsyncDisposableStack();
  readonly #processes = new Map<ProcessName, LocalProcess>();
  readonly #stopping = new AbortController();
  readonly #failed = Promise.withResolvers<never>();
  readonly #revival: Revival<ProcessName>;
  #settings: Settings | undefined;
  #guard: GuardHandle | undefined;
  #starting: Promise<unknown> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: LocalOptions, say: Say) {
    this.#options = options;
    this.#say = say;
    this.#failed.promise.catch(() => undefined);
    this.#revival = new Revival({
      start: (name) => this.startProcess(name),
      fail: this.#failed.reject,
      say,
      signal: this.#stopping.signal,
    });
  }

  /** Rejects with ProcessFailedError when a process died too often. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  /**
   * Resolves when every process is ready, with what was settled on. When it rejects everything has been stopped.
   * @throws FolderUnusableError, DataFolderInUseError, ListenError, ConfigError with the faults of every process,
   * NatsServerMissingError, ProcessFailedError; anything when stopped meanwhile.
   */
  async start(): Promise<Settings> {
    const starting = this.#start();
    this.#starting = starting.catch(() => undefined);
    try {
      return await starting;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Starts a process that `kill` or `stopProcess` ended; resolves when it is ready. */
  async startProcess(name: ProcessName): Promise<void> {
    this.#stopping.signal.throwIfAborted();
    const settings = this.#settled();
    if (name === 'prometheus') await preparePrometheus(settings.stateDir, settings.ports, scrapedPorts(settings));
    const rootKey = name === 'whatsapp' ? await this.#readRootKey(settings) : undefined;
    this.#stopping.signal.throwIfAborted();
    await this.#process(name).start(toSpec(name, settings, rootKey));
  }

  /** Ends a process in order; it is not brought back. */
  async stopProcess(name: ProcessName): Promise<void> {
    const timeoutMs = STOP_TIMEOUT_MS[name];
    const inTime = (await this.#processes.get(name)?.stop(timeoutMs)) ?? true;
    if (!inTime) this.#say(`${name} did not stop within ${timeoutMs / 1000} s and was killed`);
  }

  /** SIGKILL, as a crash; it is not brought back. */
  async killProcess(name: ProcessName): Promise<void> {
    await this.#process(name).kill();
  }

  /** Stops canary, socket, whatsapp, simulator, nats and observers in this order, also while starting. Idempotent; who hangs is killed. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  /** SIGKILL to all of them, at once; `stop` still ends what is left. */
  killAll(): void {
    for (const process of this.#processes.values()) void process.kill();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #start(): Promise<Settings> {
    const { signal } = this.#stopping;
    const { dataDir, token } = this.#options;
    this.#resources.use(await claimDataFolder(dataDir, { signal, say: this.#say }));
    const needsSecret = token.secret === undefined && token.jwksUrl === undefined;
    const settings = await toSettings(this.#options, needsSecret ? await readOrCreateJwtSecret(dataDir) : token.secret);
    requireValidConfig(settings);
    signal.throwIfAborted();
    this.#settings = settings;
    this.#guard = this.#resources.use(new GuardHandle(dataDir));
    for (const name of settings.processes) this.#add(name);
    await this.#startFirst([...OBSERVER_NAMES, 'nats', 'simulator']);
    await this.#startFirst(['whatsapp', 'socket']);
    await this.#startFirst(['canary']);
    return settings;
  }

  async #startFirst(names: readonly ProcessName[]): Promise<void> {
    const wanted = names.filter((name) => this.#processes.has(name));
    await Promise.all(
      wanted.map(async (name) => {
        const began = performance.now();
        await this.startProcess(name);
        const seconds = ((performance.now() - began) / 1000).toFixed(1);
        this.#say(`${name.padEnd(10)}  ready on port ${this.#settled().ports[name]} after ${seconds} s`);
      }),
    );
  }

  #add(name: ProcessName): void {
    const log = this.#resources.use(new LogFile(join(this.#options.dataDir, 'logs', `${name}.log`)));
    const process = new LocalProcess(name, log, {
      onLine: (line) => {
        if (this.#options.verbose || isWarning(line)) this.#say(formatLogLine(name, line));
      },
      onUnexpectedEnd: (failure) => void this.#revival.revive(name, failure),
      onPidChange: () => this.#tellGuard(),
    });
    this.#processes.set(name, process);
  }

  async #stop(): Promise<void> {
    this.#stopping.abort();
    for (const name of [...this.#processes.keys()].toReversed()) await this.stopProcess(name);
    await this.#starting;
    await this.#resources.disposeAsync();
  }

  #tellGuard(): void {
    const pids = [...this.#processes.values()].toReversed().map(({ pid }) => pid);
    this.#guard?.list(pids.filter((pid) => pid !== undefined));
  }

  async #readRootKey({ processes, ports }: Settings): Promise<string | undefined> {
    return processes.includes('simulator') ? await readRootKey(ports.simulator, this.#stopping.signal) : undefined;
  }

  #process(name: ProcessName): LocalProcess {
    const process = this.#processes.get(name);
    if (!process) throw new TypeError(`${name} is not part of this system`);
    return process;
  }

  #settled(): Settings {
    if (!this.#settings) throw new TypeError('the system has not been started');
    return this.#settings;
  }
}
