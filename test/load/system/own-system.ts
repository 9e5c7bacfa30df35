import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GuardHandle } from '../../../deploy/local/guard-handle.ts';
import { LocalProcess, ProcessFailedError } from '../../../deploy/local/local-process.ts';
import { LogFile } from '../../../deploy/local/log-file.ts';
import { signToken } from '../../../shared/http/sign-token.ts';
import { startNatsServer, type NatsServer } from '../../harness/nats-server.ts';
import type { Watched } from '../measures/process-use.ts';

export type ServiceName = 'socket' | 'whatsapp' | 'simulator';

interface Member {
  readonly process: LocalProcess;
  /** The last one that it said it listens on. */
  port: number;
}

export interface OwnSystemOptions {
  readonly gateways: number;
  /** With the WhatsApp service and the simulator too. */
  readonly whatsapp: boolean;
  /** On top of what a service needs, for each of them. */
  readonly env?: Readonly<Record<string, string>>;
}

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const PRELOAD = join(ROOT, 'shared', 'telemetry', 'preload.ts');
const STOP_TIMEOUT_MS = 10_000;
/** Held out of the services' environment: what a developer has exported must not change what is measured. */
const FOREIGN = /^(OTEL_|NATS_|WHATSAPP_|SOCKET_|JWT_|JWKS_|DATABASE_URL|DATA_DIR|LOG_LEVEL|NODE_OPTIONS)/;

/**
 * A system on this machine for one run: nats-server with JetStream and the services as processes of their own, with the
 * configuration of production (its sampler, its log level), on free ports and in a folder that is removed. Nothing of it
 * outlives this process.
 */
export class OwnSystem implements AsyncDisposable {
  readonly nats: NatsServer;
  readonly #stack: AsyncDisposableStack;
  readonly #options: OwnSystemOptions;
  readonly #dataDir: string;
  readonly #secret = randomBytes(32).toString('base64url');
  readonly #members = new Map<string, Member>();
  readonly #guard: GuardHandle;

  private constructor(
    stack: AsyncDisposableStack,
    parts: { nats: NatsServer; dataDir: string },
    options: OwnSystemOptions,
  ) {
    this.nats = parts.nats;
    this.#dataDir = parts.dataDir;
    this.#stack = stack;
    this.#options = options;
    this.#guard = stack.use(new GuardHandle(parts.dataDir));
  }

  /** @throws Error with what the first process that failed said last. */
  static async start(options: OwnSystemOptions): Promise<OwnSystem> {
    await using stack = new AsyncDisposableStack();
    const dataDir = await mkdtemp(join(tmpdir(), 'load-'));
    stack.defer(() => rm(dataDir, { recursive: true, force: true, maxRetries: 5 }));
    const nats = stack.use(await startNatsServer({ config: 'max_pending: 8388608\nwrite_deadline: "2s"' }));
    const system = new OwnSystem(stack.move(), { nats, dataDir }, options);
    try {
      if (options.whatsapp) {
        await system.startService('simulator', 'simulator', { SIMULATOR_PORT: '0' });
        await system.startWhatsApp();
      }
      for (let gateway = 1; gateway <= options.gateways; gateway += 1) await system.startGateway(`socket-${gateway}`);
    } catch (error) {
      await system[Symbol.asyncDispose]();
      throw error;
    }
    return system;
  }

  get gatewayUrls(): readonly string[] {
    return this.#urlsOf('socket');
  }

  get simulatorUrl(): string {
    return this.#urlsOf('simulator')[0] ?? '';
  }

  get metricsUrls(): readonly string[] {
    return [...this.gatewayUrls, ...this.#urlsOf('whatsapp')].map((url) => `${url}/metrics`);
  }

  get watched(): readonly Watched[] {
    const processes = [...this.#members].map(
      ([
        name,
        {
          process: { pid },
        },
      ]) => ({ name, pid }),
    );
    return [{ name: 'nats-server', pid: this.nats.pid }, ...processes].flatMap(({ name, pid }) =>
      pid === undefined ? [] : [{ name, pid }],
    );
  }

  readonly token = (salonId: string): Promise<string> => signToken({ secret: this.#secret, salonId, hours: 12 });

  /** Starts one more process of a service; resolves to its port when it is ready. */
  startService(service: ServiceName, name: string, env: Readonly<Record<string, string>>): Promise<number> {
    return this.startProcess(name, ['--import', PRELOAD, join(ROOT, 'services', service, 'main.ts')], env);
  }

  /** Starts any program that says `listening` and `ready` as the services do; a name that ran before is started again. */
  async startProcess(
    name: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<number> {
    const member = this.#members.get(name) ?? this.#add(name);
    const inherited = Object.fromEntries(Object.entries(process.env).filter(([key]) => !FOREIGN.test(key)));
    const common = { NATS_URL: this.nats.url, DATA_DIR: join(this.#dataDir, name), REPLICA_ID: name };
    try {
      await member.process.start({
        command: process.execPath,
        args,
        env: { ...inherited, ...common, ...this.#options.env, ...env },
      });
    } catch (error) {
      const said = error instanceof ProcessFailedError ? error.lastLines.join('\n') : '';
      throw new Error(`${name} did not start:\n${said}`, { cause: error });
    }
    return member.port;
  }

  pidOf(name: string): number {
    const pid = this.#members.get(name)?.process.pid;
    if (pid === undefined) throw new Error(`${name} does not run`);
    return pid;
  }

  async stopProcess(name: string): Promise<void> {
    await this.#members.get(name)?.process.stop(STOP_TIMEOUT_MS);
  }

  startGateway(name: string, env: Readonly<Record<string, string>> = {}): Promise<number> {
    // All browsers come from one address.
    const own = { SOCKET_HTTP_PORT: '0', JWT_SECRET: this.#secret, CONNECTIONS_PER_MINUTE: '1000000' };
    return this.startService('socket', name, { ...own, ...env });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }

  /** Starts the WhatsApp service on the running simulator, for the first time or again on its data. */
  async startWhatsApp(): Promise<void> {
    const rootKey = await (await fetch(`${this.simulatorUrl}/root-key`)).text();
    await this.startService('whatsapp', 'whatsapp', {
      WHATSAPP_URL: `${this.simulatorUrl.replace(/^http/, 'ws')}/ws/chat`,
      WHATSAPP_ROOT_KEY: rootKey,
      WHATSAPP_HTTP_PORT: '0',
    });
  }

  #urlsOf(service: ServiceName): readonly string[] {
    return [...this.#members]
      .filter(([name]) => name.startsWith(service))
      .map(([, { port }]) => `http://127.0.0.1:${port}`);
  }

  #add(name: string): Member {
    const log = this.#stack.use(new LogFile(join(this.#dataDir, 'logs', `${name}.log`)));
    const member: Member = {
      port: 0,
      process: new LocalProcess(name, log, {
        onLine: ({ listening }) => {
          if (listening) member.port = listening.port;
        },
        onUnexpectedEnd: ({ message, lastLines }) => process.stderr.write(`${message}\n${lastLines.join('\n')}\n`),
        onPidChange: () => this.#tellGuard(),
      }),
    };
    this.#members.set(name, member);
    this.#stack.defer(() => this.stopProcess(name));
    return member;
  }

  #tellGuard(): void {
    const pids = [...this.#members.values()].map(({ process: { pid } }) => pid);
    this.#guard.list(pids.filter((pid) => pid !== undefined).toReversed());
  }
}
