import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';

/** What a figure depends on besides the code. */
export interface Environment {
  readonly commit: string;
  readonly node: string;
  readonly natsServer: string;
  readonly packages: Readonly<Record<string, string>>;
  readonly os: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  /** Of the last minute before the run: above 0 somebody else was using the machine. */
  readonly loadBefore: number;
}

const ROOT = join(import.meta.dirname, '../../..');
const PACKAGES = ['nats', 'socket.io', 'socket.io-client', 'ws', 'prom-client', '@opentelemetry/sdk-node'];

export function readEnvironment(): Environment {
  return {
    commit: firstLineOf('git', ['-C', ROOT, 'describe', '--always', '--dirty']),
    node: process.version,
    natsServer: firstLineOf(process.env['NATS_SERVER_BIN'] ?? 'nats-server', ['--version']).replace(/^.*v/, ''),
    packages: Object.fromEntries(PACKAGES.map((name) => [name, versionOf(name)])),
    os: `${platform()} ${release()}`,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    loadBefore: loadavg()[0] ?? 0,
  };
}

function versionOf(name: string): string {
  const text = readFileSync(join(ROOT, 'node_modules', name, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** `unknown` when the program is not there. */
export function firstLineOf(program: string, args: readonly string[]): string {
  try {
    const output = execFileSync(program, [...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return output.split('\n')[0]?.trim() ?? 'unknown';
  } catch {
    return 'unknown';
  }
}
