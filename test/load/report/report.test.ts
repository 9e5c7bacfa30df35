import { describe, expect, test } from 'vitest';
import { EMPTY_VERDICT } from '../verdict.ts';
import { parseReport, renderComparison, ReportError } from './compare.ts';
import { renderHtml } from './html.ts';
import { REPORT_VERSION, type LoadReport } from './report.ts';
import { outcomeOf, renderText } from './text.ts';

const PERCENTILES = { count: 900, meanMs: 0.5, p50Ms: 0.4, p90Ms: 0.8, p99Ms: 2, p999Ms: 4, maxMs: 5 };

const REPORT: LoadReport = {
  version: REPORT_VERSION,
  madeAt: '2026-01-02T03:04:05.000Z',
  command: 'npm run load -- --rate 100',
  options: {
    profile: 'constant',
    rate: 100,
    durationMs: 10_000,
    warmupMs: 1000,
    companies: 50,
    sockets: 20,
    seed: 1,
    publish: 'jetstream',
    through: 'publish',
    traceRatio: 0.01,
    replicas: undefined,
    gateways: 1,
    workers: undefined,
    maxP99Ms: undefined,
    maxLost: 0,
  },
  environment: {
    commit: 'abc1234',
    node: 'v24.0.0',
    natsServer: '2.9.10',
    packages: { nats: '2.29.3' },
    os: 'linux 6',
    cpu: 'a processor',
    cores: 2,
    memoryBytes: 2 ** 30,
    loadBefore: 0.1,
  },
  interrupted: false,
  voidReasons: [],
  failures: [],
  verdict: { ...EMPTY_VERDICT, expected: 1000, delivered: 1000 },
  sent: 1100,
  latency: PERCENTILES,
  curve: [0, 50, 90, 99, 99.9].map((percentile) => ({ percentile, ms: 0.1 + percentile / 50 })),
  seconds: [
    { second: 0, offered: 100, delivered: 99 },
    { second: 1, offered: 100, delivered: 101, p50Ms: 0.4, p99Ms: 2, maxMs: 5 },
    { second: 2, offered: 0, delivered: 3 },
  ],
  steps: [],
  kneeRate: undefined,
  lag: { ...PERCENTILES, p99Ms: 0.1 },
  confirmation: PERCENTILES,
  server: { connectToEmit: { count: 900, meanMs: 0.4, p50Ms: 0.3, p99Ms: 1.9 }, p50Agrees: true, p99Agrees: true },
  stages: [{ stage: 'broker_transit', count: 900, meanMs: 0.3, p50Ms: 0.2, p99Ms: 1 }],
  counters: { 'events emitted': 900 },
  processes: [{ name: 'socket-1', cpuSeconds: 1, cpuShare: 0.1, cpuUsPerEvent: 100, residentBytes: 100 * 2 ** 20 }],
  generator: [{ name: 'publisher 1', utilization: 0.2, cpuSeconds: 2 }],
  disconnects: 0,
};

describe('the text of a report', () => {
  test('begins with what became of the run', () => {
    expect(renderText(REPORT)).toMatch(/^PASSED\n/);
    expect(renderText({ ...REPORT, failures: ['3 lost, 0 allowed'] })).toMatch(/^FAILED\n {2}3 lost, 0 allowed\n/);
    expect(renderText({ ...REPORT, interrupted: true })).toMatch(/^PASSED \(interrupted/);
  });

  test('says void before it says failed: the figures of a void run prove nothing either way', () => {
    const report = { ...REPORT, voidReasons: ['nothing was delivered'], failures: ['9 lost, 0 allowed'] };
    expect(outcomeOf(report)).toEqual({ word: 'VOID', reasons: ['nothing was delivered', '9 lost, 0 allowed'] });
  });

  test('shows what the services say beside what the browsers saw, and where they differ', () => {
    expect(renderText(REPORT)).toContain('p50 agree, p99 agree');
    const server = { ...(REPORT.server as NonNullable<LoadReport['server']>), p99Agrees: false };
    expect(renderText({ ...REPORT, server })).toContain('p50 agree, p99 DIFFER');
    expect(renderText({ ...REPORT, server: undefined })).not.toContain('agree');
  });

  test('names examples of what went wrong', () => {
    const verdict = { ...REPORT.verdict, lost: 1, examples: ['company_9100000001:5:2 was lost'] };
    expect(renderText({ ...REPORT, verdict })).toContain('company_9100000001:5:2 was lost');
  });

  test('names the knee of a step run, also when there is none', () => {
    const steps = [{ rate: 100, p50Ms: 0.4, p99Ms: 2, keptUp: 1, lagP99Ms: 0.1 }];
    expect(renderText({ ...REPORT, steps, kneeRate: 100 })).toContain('knee: 100 events/s');
    expect(renderText({ ...REPORT, steps })).toContain('knee: below the first step');
  });
});

describe('the page of a report', () => {
  test('needs nothing else: no script, no address to fetch from', () => {
    const html = renderHtml(REPORT);
    expect(html).not.toMatch(/<script|<link|<img|src=|url\(|@import|https?:/);
  });

  test('writes what came from outside as text', () => {
    const html = renderHtml({ ...REPORT, command: 'npm run load -- --out "<b>&"' });
    expect(html).toContain('--out &quot;&lt;b&gt;&amp;&quot;');
    expect(html).not.toContain('<b>&');
  });

  test('draws numbers only', () => {
    expect(renderHtml(REPORT)).not.toMatch(/NaN|Infinity|undefined/);
  });

  test('draws a run in which nothing arrived', () => {
    const none = { count: 0, meanMs: 0, p50Ms: 0, p90Ms: 0, p99Ms: 0, p999Ms: 0, maxMs: 0 };
    const html = renderHtml({
      ...REPORT,
      latency: none,
      lag: none,
      curve: [],
      seconds: [],
      stages: [],
      processes: [],
      server: undefined,
      voidReasons: ['nothing was delivered'],
    });
    expect(html).toContain('VOID');
    expect(html).not.toMatch(/NaN|Infinity|undefined/);
  });
});

describe('a comparison', () => {
  test('prints ratios of the second run to the first', () => {
    const slower = { ...REPORT, latency: { ...PERCENTILES, p99Ms: 3 } };
    expect(renderComparison(REPORT, slower)).toMatch(/latency p99 +2\.00 ms +3\.00 ms +1\.50/);
    expect(renderComparison(REPORT, slower)).toMatch(/latency p50 +400 µs +400 µs +1\.00/);
  });

  test('warns when the runs are not the same, or one is void', () => {
    const other = {
      ...REPORT,
      options: { ...REPORT.options, rate: 200 },
      environment: { ...REPORT.environment, cores: 8 },
      voidReasons: ['nothing was delivered'],
    };
    const text = renderComparison(REPORT, other);
    expect(text).toContain('rate was 100 and is 200');
    expect(text).toContain('not the same machine');
    expect(text).toContain('the second run is void');
    expect(renderComparison(REPORT, REPORT)).not.toMatch(/not the same|void/);
  });

  test('has no ratio to something that was nothing', () => {
    expect(renderComparison(REPORT, REPORT)).toMatch(/lost +0 +0 +–/);
  });

  test.each([
    ['no JSON', 'PASSED'],
    ['another JSON', '{"a":1}'],
    ['nothing', 'null'],
    ['another version', '{"version":99,"latency":{}}'],
  ])('refuses %s with the name of the file', (_, text) => {
    expect(() => parseReport('a.json', text)).toThrow(ReportError);
    expect(() => parseReport('a.json', text)).toThrow('a.json');
  });

  test('reads back what was written', () => {
    expect(parseReport('a.json', JSON.stringify(REPORT))).toEqual(JSON.parse(JSON.stringify(REPORT)));
  });
});
