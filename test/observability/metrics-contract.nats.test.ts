import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { toConfig, VARIABLES } from '../../services/canary/config.ts';
import { startCanary, type CanaryService } from '../../services/canary/service.ts';
import { readEnv } from '../../shared/config/env.ts';
import { parseCompanyId, salonIdOf } from '../../shared/contract/company-id.ts';
import { METRICS, type MetricDefinition } from '../../shared/contract/metrics.ts';
import { createLogger } from '../../shared/telemetry/logger.ts';
import { LinkingSystem, TEST_PHONES } from '../harness/linking-system.ts';
import { parseOpenMetrics, type MetricFamily } from '../harness/open-metrics.ts';
import { byHand, GatewayUnderTest, JWT_SECRET } from '../harness/socket-gateway.ts';
import { waitFor } from '../harness/wait-for.ts';

const SALON = '962306';
const DEFINITIONS: Readonly<Record<string, MetricDefinition>> = METRICS;
/** Of prom-client itself: the process and its event loop. */
const DEFAULT_METRIC = /^(?:process|nodejs)_/;
/** Bounded by the definition of OpenTelemetry's series budget for one instance. */
const MAX_SERIES = 5_000;

/** A number of the ten thousand companies 70000 to 79999, wherever it stands in a label. */
const ONE_OF_THEM = /(?<![0-9.])7[0-9]{4}(?![0-9.])/;

type ServiceName = 'whatsapp' | 'socket' | 'canary';

let whatsapp: LinkingSystem;
let gateway: GatewayUnderTest;
let canary: CanaryService;
let scrapes: Readonly<Record<ServiceName, readonly MetricFamily[]>>;

beforeAll(async () => {
  whatsapp = await LinkingSystem.start();
  gateway = await GatewayUnderTest.start(whatsapp.nats.url);
  canary = await startCanaryOf(whatsapp.nats.url, gateway.url);
  const browser = await gateway.join(SALON);
  await browser.showing('qr', 30_000);
  await whatsapp.link(parseCompanyId(SALON), TEST_PHONES[0] ?? '');
  await browser.showing('connected', 30_000);
  await gateway.publish(`whatsapp.events.company_${SALON}`, 'no event');
  await waitFor(async () => (await gateway.metric('socket_invalid_events_total{reason="json"}')) > 0, {
    what: 'the poison to be counted',
  });
  await waitFor(async () => /canary_duration_seconds_count\{path="socket"\} [1-9]/.test(await textOf('canary')), {
    what: 'a canary round',
    timeoutMs: 30_000,
  });
  scrapes = {
    whatsapp: parseOpenMetrics(await textOf('whatsapp')),
    socket: parseOpenMetrics(await textOf('socket')),
    canary: parseOpenMetrics(await textOf('canary')),
  };
});

afterAll(async () => {
  await canary.stop();
  await gateway[Symbol.asyncDispose]();
  await whatsapp[Symbol.asyncDispose]();
});

async function startCanaryOf(natsUrl: string, socketUrl: string): Promise<CanaryService> {
  const env = { NATS_URL: natsUrl, CANARY_HTTP_PORT: '0', SOCKET_URLS: socketUrl, JWT_SECRET };
  const logger = createLogger({ name: 'canary', level: 'silent' });
  return startCanary(toConfig(readEnv(VARIABLES, env)), logger, undefined, { intervalMs: 200 });
}

async function textOf(service: ServiceName): Promise<string> {
  const port = { whatsapp: whatsapp.service.port, socket: gateway.service.adminPort, canary: canary.port }[service];
  return (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
}

/** The families that the contract is about, of all services. */
function ownFamilies(): readonly (MetricFamily & { readonly service: string })[] {
  return Object.entries(scrapes)
    .flatMap(([service, families]) => families.map((family) => ({ service, ...family })))
    .filter(({ name }) => !DEFAULT_METRIC.test(name) || name in DEFINITIONS);
}

function definitionOf({ name, type }: MetricFamily): MetricDefinition | undefined {
  return DEFINITIONS[type === 'counter' ? `${name}_total` : name];
}

function seriesCount(families: readonly MetricFamily[]): number {
  return families.reduce((count, { samples }) => count + samples.length, 0);
}

describe('the metrics of the running services', () => {
  test('have no name and no type that the contract does not know', () => {
    const unknown = ownFamilies().filter((family) => definitionOf(family)?.type !== family.type);
    expect(unknown.map(({ service, name, type }) => `${service}: ${type} ${name}`)).toEqual([]);
  });

  test('leave no name of the contract out', () => {
    const exported = new Set(ownFamilies().map(({ name, type }) => (type === 'counter' ? `${name}_total` : name)));
    expect(Object.keys(METRICS).filter((name) => !exported.has(name))).toEqual([]);
  });

  test('carry exactly the labels of the contract, each of them', () => {
    const wrong = ownFamilies().flatMap((family) => {
      const wanted = (definitionOf(family)?.labels ?? []).toSorted().join();
      return family.samples
        .map((sample) =>
          [...sample.labels.keys()]
            .filter((label) => label !== 'le')
            .toSorted()
            .join(),
        )
        .filter((labels) => labels !== wanted)
        .map((labels) => `${family.service}: ${family.name} has {${labels}}, not {${wanted}}`);
    });
    expect([...new Set(wrong)]).toEqual([]);
  });

  test('have the buckets of the contract', () => {
    const histograms = ownFamilies().filter(({ type, samples }) => type === 'histogram' && samples.length > 0);
    expect(histograms.length).toBeGreaterThan(5);
    for (const family of histograms) {
      const bounds = family.samples.flatMap(({ labels }) => labels.get('le') ?? []);
      const wanted = [...(definitionOf(family)?.buckets ?? []).map(String), '+Inf'];
      expect([family.name, ...new Set(bounds)]).toEqual([family.name, ...wanted]);
    }
  });

  test('name nobody: no company, phone or JID is in any label', () => {
    const values = ownFamilies().flatMap(({ samples }) => samples.flatMap(({ labels }) => [...labels.values()]));
    expect(values.filter((value) => /[0-9]{7}|@|company_/.test(value) && !/^[0-9.]+$/.test(value))).toEqual([]);
  });

  test('tell about the event loop, the heap and what is running in each service', () => {
    for (const families of Object.values(scrapes)) {
      const names = families.map(({ name }) => name);
      expect(names).toEqual(
        expect.arrayContaining([
          'nodejs_eventloop_utilization_ratio',
          'nodejs_eventloop_lag_p99_seconds',
          'nodejs_heap_size_used_bytes',
          'process_cpu_seconds',
          'service_build_info',
        ]),
      );
    }
  });

  test('say whether NATS is there, in each service', () => {
    for (const [service, families] of Object.entries(scrapes)) {
      const [sample] = families.find(({ name }) => name === 'nats_client_connected')?.samples ?? [];
      expect([sample?.labels.get('role'), sample?.value]).toEqual([service, 1]);
    }
  });

  test('stay as many for 10,000 companies as for ten, and within the budget', async () => {
    const before = seriesCount(parseOpenMetrics(await textOf('socket')));
    expect(before).toBeLessThan(MAX_SERIES);
    const seen = async () =>
      (await gateway.metric('socket_events_total{event="other",outcome="no_audience",synthetic="false"}')) +
      (await gateway.metric('socket_events_total{event="other",outcome="no_audience",synthetic="true"}'));
    const already = await seen();
    const companies = Array.from({ length: 10_000 }, (_, index) => parseCompanyId(String(70_000 + index)));
    for (const companyId of companies) {
      gateway.nats.publish(`whatsapp.events.${companyId}`, JSON.stringify(byHand(salonIdOf(companyId), 'connected')));
    }
    await gateway.nats.flush();
    await waitFor(async () => (await seen()) - already >= companies.length, {
      what: '10,000 companies to be counted',
      timeoutMs: 60_000,
    });
    const after = parseOpenMetrics(await textOf('socket'));
    const values = after.flatMap(({ samples }) =>
      samples.flatMap(({ labels }) => [...labels].filter(([label]) => label !== 'le').map(([, value]) => value)),
    );
    expect(values.filter((value) => ONE_OF_THEM.test(value))).toEqual([]);
    // What else counts messages, such as their ids, would bring thousands. A busy machine brings some label sets for the
    // first time, by a repair, a timeout or a reconnect, each at most a histogram of every event: that is no exact number.
    expect(seriesCount(after)).toBeLessThan(before + 100);
    for (const families of Object.values(scrapes)) expect(seriesCount(families)).toBeLessThan(MAX_SERIES);
  });
});
