import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { choosePort } from '../../deploy/local/ports.ts';
import {
  prometheusCommand,
  writePrometheusFiles,
  type PrometheusOptions,
} from '../../deploy/local/prometheus-process.ts';
import { waitFor } from './wait-for.ts';

export type Labels = Readonly<Record<string, string>>;

/** One series of an answer; `values` are Prometheus's own texts, so that NaN and +Inf stay what they are. */
export interface Series {
  readonly metric: Labels;
  readonly values: readonly string[];
}

export interface ActiveAlert {
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly state: 'pending' | 'firing';
}

interface Exemplar {
  readonly labels: Labels;
  readonly value: string;
}

/** Prometheus refused a query. */
export class PrometheusQueryError extends Error {
  readonly code = 'PROMETHEUS_QUERY';

  constructor(expr: string, answer: string) {
    super(`${expr}: ${answer}`);
    this.name = 'PrometheusQueryError';
  }

  shouldRetry(): boolean {
    return false;
  }
}

/** A real Prometheus of one test, on a port and in a folder of its own. */
export class Prometheus implements AsyncDisposable {
  readonly url: string;
  readonly #folder: string;
  readonly #process: ChildProcess;

  constructor(url: string, folder: string, process: ChildProcess) {
    this.url = url;
    this.#folder = folder;
    this.#process = process;
  }

  /** The value now. */
  async instant(expr: string): Promise<readonly Series[]> {
    const { result, resultType } = await this.#query('/api/v1/query', expr, {});
    if (resultType === 'scalar') return [{ metric: {}, values: [(result as unknown as Sample)[1]] }];
    return result.map(({ metric, value }) => ({ metric, values: value ? [value[1]] : [] }));
  }

  /** Everything since `fromMs`, in s steps, as a panel draws it. */
  async range(expr: string, { fromMs, stepS }: { fromMs: number; stepS: number }): Promise<readonly Series[]> {
    const range = { start: String(fromMs / 1000), end: String(Date.now() / 1000), step: String(stepS) };
    const { result } = await this.#query('/api/v1/query_range', expr, range);
    return result.map(({ metric, values = [] }) => ({ metric, values: values.map(([, value]) => value) }));
  }

  async exemplars(expr: string, fromMs: number): Promise<readonly Exemplar[]> {
    const answer = await this.#get('/api/v1/query_exemplars', {
      query: expr,
      start: String(fromMs / 1000),
      end: String(Date.now() / 1000 + 60),
    });
    return (answer as readonly { exemplars: readonly Exemplar[] }[]).flatMap(({ exemplars }) => exemplars);
  }

  /** Alerts that are pending or firing. */
  async alerts(): Promise<readonly ActiveAlert[]> {
    return ((await this.#get('/api/v1/alerts', {})) as { alerts: readonly ActiveAlert[] }).alerts;
  }

  async firing(alertname: string): Promise<ActiveAlert | undefined> {
    const alerts = await this.alerts();
    return alerts.find(({ labels, state }) => labels['alertname'] === alertname && state === 'firing');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const ended = once(this.#process, 'exit');
      this.#process.kill('SIGTERM');
      await ended;
    }
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  async #query(path: string, expr: string, parameters: Labels): Promise<QueryAnswer> {
    return (await this.#get(path, { query: expr, ...parameters })) as QueryAnswer;
  }

  async #get(path: string, parameters: Labels): Promise<unknown> {
    const response = await fetch(`${this.url}${path}?${new URLSearchParams(parameters).toString()}`);
    const text = await response.text();
    if (!response.ok) throw new PrometheusQueryError(parameters['query'] ?? path, text);
    return (JSON.parse(text) as { data: unknown }).data;
  }
}

type Sample = readonly [time: number, value: string];
interface QueryAnswer {
  readonly resultType: 'vector' | 'matrix' | 'scalar' | 'string';
  readonly result: readonly { readonly metric: Labels; readonly value?: Sample; readonly values?: readonly Sample[] }[];
}

/** Resolves when Prometheus answers queries; rejects with what it said when it does not come up. */
export async function startPrometheus(options: Omit<PrometheusOptions, 'folder' | 'port'>): Promise<Prometheus> {
  const folder = await mkdtemp(join(tmpdir(), 'prometheus-'));
  const port = await choosePort({ port: 0, variable: 'PROMETHEUS_PORT', host: '127.0.0.1' });
  await writePrometheusFiles({ ...options, folder, port });
  const { command, args } = prometheusCommand({ folder, port });
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const endWithTest = () => child.kill('SIGKILL');
  process.once('exit', endWithTest);
  child.once('exit', () => process.removeListener('exit', endWithTest));
  const output: string[] = [];
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk.toString()));
  const prometheus = new Prometheus(`http://127.0.0.1:${port}`, folder, child);
  const ready = async () => {
    if (child.exitCode !== null) return 'ended';
    return (await fetch(`${prometheus.url}/-/ready`)).ok;
  };
  const outcome = await waitFor(ready, { what: 'Prometheus to be ready', timeoutMs: 60_000 });
  if (outcome === 'ended') {
    await prometheus[Symbol.asyncDispose]();
    throw new Error(`Prometheus ended with ${child.exitCode}:\n${output.join('')}`);
  }
  return prometheus;
}
