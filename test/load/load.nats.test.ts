import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startNatsServer } from '../harness/nats-server.ts';
import type { PublisherMethods } from './generator/publisher.ts';
import { GeneratorError, Remote } from './generator/remote.ts';
import { parseLoadArgs, type LoadOptions } from './options.ts';
import { toReport } from './report/build.ts';
import { readEnvironment } from './report/environment.ts';
import { outcomeOf } from './report/text.ts';
import { runPublished, type RunRequest } from './run.ts';
import { openTarget, type OpenedTarget } from './system/open-target.ts';
import type { Target } from './system/target.ts';

function optionsOf(...args: string[]): LoadOptions {
  const command = parseLoadArgs(['--warmup', '1', ...args], undefined);
  if (command.kind !== 'run') throw new TypeError('a run was meant');
  return command.options;
}

const SHAPE = ['--rate', '150', '--duration', '2', '--companies', '20', '--sockets', '41', '--gateways', '2'];

describe('a run against real gateways and a real nats-server', () => {
  let target: OpenedTarget;

  beforeAll(async () => {
    target = await openTarget(optionsOf(...SHAPE));
  });
  afterAll(async () => {
    await target[Symbol.asyncDispose]();
  });

  async function run(options: LoadOptions, replacing: Partial<RunRequest> & Partial<Target> = {}) {
    const { signal = new AbortController().signal, onProgress = () => {}, ...parts } = replacing;
    const transport = { kind: options.publish, natsUrl: target.whatsapp.natsUrl };
    const request = { plan: options, target: { ...target, transport, ...parts }, workers: 2, signal, onProgress };
    const measured = await runPublished(request);
    return toReport({ options, measured, environment: readEnvironment(), command: 'test', madeAt: new Date() });
  }

  test('counts every event at every browser, over two gateways and two processes of browsers', async () => {
    const report = await run(optionsOf(...SHAPE));
    expect(report.sent).toBe(450);
    // 39 browsers of 20 companies that get events, 2 of companies that get none.
    expect(report.verdict).toMatchObject({
      lost: 0,
      duplicated: 0,
      outOfOrder: 0,
      wrongRoom: 0,
      unconverged: 0,
      unpaired: 0,
      examples: [],
    });
    expect(report.verdict.expected).toBeGreaterThan(450);
    expect(report.verdict.delivered).toBe(report.verdict.expected);
    expect(report.failures).toEqual([]);
    expect(report.latency.count).toBeGreaterThan(300);
    expect(report.server?.connectToEmit.count).toBeGreaterThan(0);
    expect(report.stages.map(({ stage }) => stage)).toEqual(
      expect.arrayContaining(['broker_transit', 'route', 'emit']),
    );
    expect(report.counters).toMatchObject({ 'events duplicate': 0, 'events stale': 0, 'states repaired': 0 });
    expect(report.disconnects).toBe(0);
  });

  test('follows an earlier run on the same stream without taking its events for its own', async () => {
    const report = await run(optionsOf(...SHAPE, '--publish', 'core', '--seed', '2'));
    expect(report.verdict).toMatchObject({ lost: 0, duplicated: 0, wrongRoom: 0 });
    expect(report.verdict.delivered).toBe(report.verdict.expected);
  });

  test('ends early when it is interrupted, and judges what was sent until then', async () => {
    const interrupt = new AbortController();
    const report = await run(optionsOf(...SHAPE, '--duration', '600'), {
      signal: interrupt.signal,
      onProgress: (progress) => {
        if (progress.phase === 'running' && progress.received > 0) interrupt.abort();
      },
    });
    expect(report.interrupted).toBe(true);
    expect(report.sent).toBeLessThan(90_000);
    expect(report.verdict).toMatchObject({ lost: 0, duplicated: 0, wrongRoom: 0 });
    expect(report.verdict.delivered).toBe(report.verdict.expected);
  });

  test('calls a run void in which nothing arrives, and everything lost', async () => {
    await using elsewhere = await startNatsServer({ jetstream: false });
    const options = optionsOf(...SHAPE, '--publish', 'core');
    const report = await run(options, { transport: { kind: 'core', natsUrl: elsewhere.url } });
    expect(outcomeOf(report).word).toBe('VOID');
    expect(outcomeOf(report).reasons).toContain('nothing was delivered');
    expect(report.verdict).toMatchObject({ delivered: 0, lost: report.verdict.expected, unconverged: 39 });
    expect(report.curve).toEqual([]);
  });
});

describe('a process of the generator', () => {
  test('that has no server to publish to says so with a code', async () => {
    await using publisher = new Remote<PublisherMethods>(join(import.meta.dirname, 'generator', 'publisher.ts'));
    const transport = { kind: 'core', natsUrl: 'nats://127.0.0.1:1' } as const;
    const job = { plan: optionsOf(...SHAPE), transport, epoch: 1, shard: 0, shards: 1 };
    await expect(publisher.call('prepare', job)).rejects.toThrow(
      'PUBLISH_UNREACHABLE: NATS does not answer at nats://127.0.0.1:1',
    );
  });

  test('that is killed fails what was asked of it and whatever is asked later, and nothing else', async () => {
    await using publisher = new Remote<PublisherMethods>(join(import.meta.dirname, 'generator', 'publisher.ts'));
    await publisher.call('progress');
    const asked = publisher.call('report').catch((error: unknown) => error);
    if (publisher.pid !== undefined) process.kill(publisher.pid, 'SIGKILL');
    const later = publisher.call('progress').catch((error: unknown) => error);
    expect(await asked).toBeInstanceOf(GeneratorError);
    expect(await later).toBeInstanceOf(GeneratorError);
  });
});
