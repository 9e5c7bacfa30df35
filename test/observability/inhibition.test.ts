import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { choosePort } from '../../deploy/local/ports.ts';
import { findAlertmanager } from '../../deploy/local/programs.mjs';
import { ALERTING_RULES } from '../../deploy/prometheus/rule-file.ts';
import { waitFor } from '../harness/wait-for.ts';

const CONFIG = new URL('../../deploy/prometheus/alertmanager.yml', import.meta.url).pathname;

interface ReceivedAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly status: { readonly inhibitedBy: readonly string[] };
}

let alertmanager: ChildProcess;
let folder: string;
let url: string;

beforeAll(async () => {
  const command = findAlertmanager();
  if (command === undefined) throw new Error('Alertmanager is not installed; run: node deploy/local/setup.mjs test');
  folder = await mkdtemp(`${tmpdir()}/alertmanager-`);
  const port = await choosePort({ port: 0, variable: 'ALERTMANAGER_PORT', host: '127.0.0.1' });
  url = `http://127.0.0.1:${port}`;
  const listen = [`--web.listen-address=127.0.0.1:${port}`, '--cluster.listen-address='];
  alertmanager = spawn(command, [`--config.file=${CONFIG}`, `--storage.path=${folder}`, ...listen], {
    stdio: 'ignore',
  });
  const isReady = async () => (await fetch(`${url}/-/ready`)).ok;
  await waitFor(isReady, { what: 'Alertmanager to be ready', timeoutMs: 30_000 });
}, 60_000);

afterAll(async () => {
  const ended = once(alertmanager, 'exit');
  alertmanager.kill('SIGTERM');
  await ended;
  await rm(folder, { recursive: true });
});

type Firing = readonly { readonly alertname: string; readonly severity: string }[];

/** Lets the alerts fire together and expects that of these, and of no others, nobody is told. */
async function expectSilenced(alerts: Firing, expected: readonly string[]): Promise<void> {
  await post(alerts, {});
  let silenced: readonly string[] = [];
  // An alert is taken before the rules of inhibition know of it.
  const isAsExpected = async () => {
    const all = (await (await fetch(`${url}/api/v2/alerts`)).json()) as readonly ReceivedAlert[];
    silenced = all
      .filter(({ status }) => status.inhibitedBy.length > 0)
      .map(({ labels }) => `${labels['alertname']} ${labels['severity']}`)
      .toSorted();
    return all.length === alerts.length && silenced.join() === expected.join();
  };
  await waitFor(isAsExpected, { what: 'the inhibition' }).catch(() => undefined);
  expect(silenced).toEqual(expected);
  // None of them may silence those of the next test.
  await post(alerts, { endsAt: new Date().toISOString() });
}

async function post(alerts: Firing, more: object): Promise<void> {
  const body = JSON.stringify(alerts.map((labels) => ({ labels, ...more })));
  const headers = { 'content-type': 'application/json' };
  const { status } = await fetch(`${url}/api/v2/alerts`, { method: 'POST', body, headers });
  expect(status).toBe(200);
}

const EVERYTHING = ALERTING_RULES.map(({ alert, labels }) => ({ alertname: alert, severity: labels.severity }));
const without = (...names: readonly string[]) => EVERYTHING.filter(({ alertname }) => !names.includes(alertname));

test('whoever is woken by an objective gets no ticket for the same one', async () => {
  const burning = EVERYTHING.filter(({ alertname }) => alertname.endsWith('Burn'));
  await expectSilenced(burning, ['CanaryBurn warning', 'ConnectLatencyBurn warning', 'DeliveryBurn warning']);
});

test('without an outage of NATS every symptom is told', async () => {
  const critical = without('NatsDown', 'ClientOutdated').filter(({ severity }) => severity === 'critical');
  await expectSilenced(critical, []);
});

test('NatsDown silences what follows from it, and nothing else', async () => {
  await expectSilenced(EVERYTHING, [
    'CanaryBurn critical',
    'CanaryBurn warning',
    'CanaryDown critical',
    'CanaryLoss warning',
    'ConnectLatencyBurn critical',
    'ConnectLatencyBurn warning',
    'DeliveryBurn critical',
    'DeliveryBurn warning',
    'FeedRepairs warning',
    'NatsReconnectStorm warning',
    'NatsSlowConsumer warning',
    'PublishQueueGrowing critical',
    // By ClientOutdated.
    'SessionsMassDisconnect critical',
  ]);
});
