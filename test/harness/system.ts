import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProcessFailedError } from '../../deploy/local/local-process.ts';
import { LocalSystem } from '../../deploy/local/local-system.ts';
import { toLocalOptions, type LocalOptions } from '../../deploy/local/options.ts';
import type { ProcessName, Settings } from '../../deploy/local/process-specs.ts';
import { parseCompanyId } from '../../shared/contract/company-id.ts';
import { signToken } from '../../shared/http/sign-token.ts';

export interface SystemOptions {
  /** On top of the test's own environment; ports are free ones unless given here. */
  readonly env?: Readonly<Record<string, string>>;
  /** Kept by `stop`, so that a second system can continue on it; a folder of its own, removed at the end, when absent. */
  readonly dataDir?: string;
}

/** A session as `GET /sessions` of the WhatsApp service shows it. */
export interface SessionOverview {
  readonly companyId: string;
  readonly state?: string;
  readonly epoch: number;
  readonly phone?: string;
}

/**
 * The whole system as `npm start` runs it: nats-server, simulator, WhatsApp service, socket service and canary as
 * processes of their own, on free ports that stay the same over restarts. None of them outlives the test, not even when that is
 * killed.
 */
export class System implements AsyncDisposable {
  readonly socketUrl: string;
  readonly phoneUrl: string;
  readonly whatsappUrl: string;
  readonly canaryUrl: string;
  readonly natsUrl: string;
  readonly dataDir: string;
  readonly #settings: Settings;
  readonly #removesData: boolean;
  #system: LocalSystem;

  constructor(system: LocalSystem, settings: Settings, removesData: boolean) {
    const { ports, natsUrl, dataDir } = settings;
    this.socketUrl = `http://127.0.0.1:${ports.socket}`;
    this.whatsappUrl = `http://127.0.0.1:${ports.whatsapp}`;
    this.canaryUrl = `http://127.0.0.1:${ports.canary}`;
    this.phoneUrl = `http://127.0.0.1:${ports.simulator}`;
    this.natsUrl = natsUrl;
    this.dataDir = dataDir;
    this.#system = system;
    this.#settings = settings;
    this.#removesData = removesData;
  }

  /** A token for the salon's page, valid for an hour. */
  token(salonId: string): Promise<string> {
    const { jwtSecret, token } = this.#settings;
    if (jwtSecret === undefined) throw new TypeError('the system verifies tokens by JWKS_URL');
    return signToken({ secret: jwtSecret, salonId, hours: 1, issuer: token.issuer, audience: token.audience });
  }

  /** The onboarding page of a salon with its token. */
  async pageUrl(salonId: string): Promise<string> {
    return `${this.socketUrl}/#token=${await this.token(salonId)}`;
  }

  /** Every line that the process logged since the start of the system, restarts included. */
  async logs(name: ProcessName): Promise<readonly string[]> {
    const text = await readFile(join(this.dataDir, 'logs', `${name}.log`), 'utf8');
    return text.split('\n').filter((line) => line !== '');
  }

  /** The JSON lines among the logs. */
  async logEntries(name: ProcessName): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const lines = await this.logs(name);
    return lines
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  }

  /** SIGKILL, as a crash. The process stays down until `startProcess`. */
  kill(name: ProcessName): Promise<void> {
    return this.#system.killProcess(name);
  }

  /** An orderly stop. The process stays down until `startProcess`. */
  stopProcess(name: ProcessName): Promise<void> {
    return this.#system.stopProcess(name);
  }

  /** Starts it again on the same port and data; resolves when it is ready. */
  startProcess(name: ProcessName): Promise<void> {
    return this.#system.startProcess(name);
  }

  async restartProcess(name: ProcessName): Promise<void> {
    await this.stopProcess(name);
    await this.startProcess(name);
  }

  /** Stops everything in order and starts it again on the same ports and data. */
  async restart(): Promise<void> {
    await this.#system.stop();
    const { ports, dataDir, env } = this.#settings;
    const options = toOptions(dataDir, {
      ...env,
      SOCKET_HTTP_PORT: String(ports.socket),
      WHATSAPP_HTTP_PORT: String(ports.whatsapp),
      SIMULATOR_PORT: String(ports.simulator),
      CANARY_HTTP_PORT: String(ports.canary),
      NATS_PORT: String(ports.nats),
    });
    const { system } = await startAll(options);
    this.#system = system;
  }

  /** What the WhatsApp service holds for the salon; `undefined` when it holds nothing. */
  async session(salonId: string): Promise<SessionOverview | undefined> {
    const response = await fetch(`${this.whatsappUrl}/sessions`);
    if (!response.ok) throw new Error(`GET /sessions answered ${response.status}`);
    const { sessions } = (await response.json()) as { sessions: readonly SessionOverview[] };
    return sessions.find(({ companyId }) => companyId === parseCompanyId(salonId));
  }

  /** Ends everything in order; idempotent. */
  async stop(): Promise<void> {
    await this.#system.stop();
    if (this.#removesData) await rm(this.dataDir, { recursive: true, force: true, maxRetries: 5 });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

const FREE_PORTS = {
  SOCKET_HTTP_PORT: '0',
  WHATSAPP_HTTP_PORT: '0',
  SIMULATOR_PORT: '0',
  CANARY_HTTP_PORT: '0',
  TRACE_UI_PORT: '0',
  PROMETHEUS_PORT: '0',
  NATS_PORT: '0',
};
/** What a developer has exported must not point a test at another system. */
const FOREIGN = ['NATS_URL', 'WHATSAPP_URL', 'WHATSAPP_ROOT_KEY', 'DATABASE_URL', 'JWT_SECRET', 'JWKS_URL', 'DATA_DIR'];

/** Resolves when all processes are ready; rejects with what the first failed one said last. */
export async function startSystem({ env = {}, dataDir }: SystemOptions = {}): Promise<System> {
  const folder = dataDir ?? (await mkdtemp(join(tmpdir(), 'system-')));
  const inherited = Object.entries(process.env).filter(([name]) => !FOREIGN.includes(name));
  try {
    const options = toOptions(folder, { ...Object.fromEntries(inherited), ...FREE_PORTS, ...env });
    const { system, settings } = await startAll(options);
    return new System(system, settings, dataDir === undefined);
  } catch (error) {
    if (dataDir === undefined) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    throw error;
  }
}

function toOptions(dataDir: string, env: NodeJS.ProcessEnv): LocalOptions {
  const options = toLocalOptions([], { ...env, DATA_DIR: dataDir });
  if (!options) throw new TypeError('the system needs options');
  return options;
}

async function startAll(options: LocalOptions): Promise<{ system: LocalSystem; settings: Settings }> {
  const said: string[] = [];
  const system = new LocalSystem(options, (line) => said.push(line));
  try {
    return { system, settings: await system.start() };
  } catch (error) {
    const lastLines = error instanceof ProcessFailedError ? error.lastLines : [];
    throw new Error(`the system did not start:\n${[...said, ...lastLines].join('\n')}`, { cause: error });
  }
}
