import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Client } from 'pg';
import { waitFor } from './wait-for.ts';

export interface Postgres extends AsyncDisposable {
  /** The database `postgres` of the cluster. */
  readonly url: string;
  /** A new empty database; answers its URL. */
  createDatabase(): Promise<string>;
  /** SIGKILL: no checkpoint, connections cut. */
  kill(): Promise<void>;
  /** Starts again on the same port and data after `kill`. */
  restart(): Promise<void>;
  /** Idempotent; deletes the cluster. */
  stop(): Promise<void>;
}

interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** PostgreSQL refuses to run as root. */
const SYSTEM_ACCOUNT = 'postgres';

/** Another process may take a free port before PostgreSQL does. */
const PORT_ATTEMPTS = 3;

/**
 * Starts a PostgreSQL of its own in a temporary folder on a free port of the loopback address, without fsync.
 * @throws Error naming the Debian package when the binaries or the system account are absent.
 */
export async function startPostgres(): Promise<Postgres> {
  const bin = findBinaries();
  const account = process.getuid?.() === 0 ? systemAccount() : undefined;
  const folder = await mkdtemp(join(tmpdir(), 'pg-'));
  try {
    if (account) await chown(folder, account.uid, account.gid);
    await initialise(bin, folder, account);
    for (let attempt = 1; ; attempt += 1) {
      const cluster = new Cluster({ bin, folder, account, port: await freePort() });
      try {
        await cluster.restart();
        return cluster;
      } catch (error) {
        if (attempt === PORT_ATTEMPTS || !String(error).includes('could not bind')) throw error;
      }
    }
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

interface ClusterOptions {
  readonly bin: string;
  readonly folder: string;
  readonly account: Account | undefined;
  readonly port: number;
}

class Cluster implements Postgres {
  readonly url: string;
  readonly #options: ClusterOptions;
  #server: ChildProcess | undefined;
  #databases = 0;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.url = `postgres://postgres@127.0.0.1:${options.port}/postgres`;
  }

  async restart(): Promise<void> {
    const { bin, folder, account, port } = this.#options;
    const settings = [`port=${port}`, 'listen_addresses=127.0.0.1', `unix_socket_directories=${folder}`, 'fsync=off'];
    const server = spawn(join(bin, 'postgres'), ['-D', join(folder, 'data'), ...settings.flatMap((s) => ['-c', s])], {
      ...account,
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#server = server;
    let log = '';
    server.stderr.setEncoding('utf8').on('data', (text: string) => {
      log = `${log}${text}`.slice(-4000);
    });
    const ended = (): boolean => server.exitCode !== null || server.signalCode !== null;
    await waitFor(async () => ended() || (await answers(this.url)), {
      what: 'PostgreSQL to answer',
      timeoutMs: 60_000,
    });
    if (ended()) throw new Error(`postgres ended:\n${log}`);
  }

  async createDatabase(): Promise<string> {
    this.#databases += 1;
    const name = `test_${this.#databases}`;
    await execute(this.url, `CREATE DATABASE ${name}`);
    return this.url.replace(/postgres$/, name);
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    // SIGINT is PostgreSQL's fast shutdown: it ends connections instead of waiting for them.
    await this.#end('SIGINT');
    await rm(this.#options.folder, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    const exited = once(server, 'exit');
    server.kill(signal);
    await exited;
  }
}

async function initialise(bin: string, folder: string, account: Account | undefined): Promise<void> {
  const options = ['--username=postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'];
  const child = spawn(join(bin, 'initdb'), ['-D', join(folder, 'data'), ...options], {
    ...account,
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`initdb failed (${code}):\n${log}`);
}

async function answers(url: string): Promise<boolean> {
  try {
    await execute(url, 'SELECT 1');
    return true;
  } catch {
    return false;
  }
}

async function execute(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url });
  try {
    await client.connect();
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** Debian keeps the server's programs off the PATH, in one folder a major version. */
function findBinaries(): string {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).toSorted((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...(process.env['PATH'] ?? '').split(delimiter),
    ...versions.map((version) => join(debian, version, 'bin')),
  ];
  const found = folders.find((folder) => ['initdb', 'postgres'].every((program) => existsSync(join(folder, program))));
  if (found) return found;
  throw new Error(
    'PostgreSQL is not installed. Debian and Ubuntu: apt-get install postgresql; macOS: brew install postgresql@17',
  );
}

function systemAccount(): Account {
  try {
    const id = (flag: string): number => Number(execFileSync('id', [flag, SYSTEM_ACCOUNT], { encoding: 'utf8' }));
    return { uid: id('-u'), gid: id('-g') };
  } catch (cause) {
    throw new Error(
      `PostgreSQL does not run as root and there is no system account ${SYSTEM_ACCOUNT}. Debian and Ubuntu: apt-get install postgresql`,
      { cause },
    );
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
