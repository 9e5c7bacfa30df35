import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ReceivedSpan } from '../../deploy/local/traces/otlp.ts';
import { parseCompanyId } from '../../shared/contract/company-id.ts';
import { CANARY_SPAN, CONNECT_SPAN, EVENT_SPAN } from '../../shared/telemetry/span-names.ts';
import { OtlpReceiver } from '../harness/otlp-receiver.ts';
import { scanWith } from '../harness/phone.ts';
import { startPrometheus } from '../harness/prometheus.ts';
import { TestBrowser } from '../harness/socket-gateway.ts';
import { startSystem, type System } from '../harness/system.ts';
import { waitFor } from '../harness/wait-for.ts';

const SALON = '962305';
const COMPANY = parseCompanyId(SALON);
const PHONE = '79990000001';
const EVENTS = 'whatsapp.events.{companyId}';
const COMMANDS = 'whatsapp.commands.{companyId}';

let receiver: OtlpReceiver;
let system: System;
let token: string;
/** Everything that belongs to the salon and must not be found in any span. */
const secrets: string[] = [];

beforeAll(async () => {
  receiver = await OtlpReceiver.start();
  // Every trace, as npm start has it, and batches that do not keep a test waiting.
  system = await startSystem({
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_BSP_SCHEDULE_DELAY: '200', LOG_LEVEL: 'debug' },
  });
  token = await system.token(SALON);
  using browser = new TestBrowser(system.socketUrl, { auth: { token, acknowledges: true } });
  browser.socket.onAny((_name: string, ...args: unknown[]) => {
    const acknowledge = args.at(-1);
    if (typeof acknowledge === 'function') (acknowledge as () => void)();
  });
  const { qr } = await browser.got('qr-update');
  await scanWith(system.phoneUrl, PHONE, String(qr));
  await browser.got('whatsapp-connected');
  secrets.push(token, PHONE, ...browser.payloads('qr-update').flatMap((payload) => String(payload['qr']).split(',')));
  await receiver.span('the emit of the connect', ({ name }) => name === 'emit whatsapp-connected');
});

afterAll(async () => {
  await system.stop();
  await receiver[Symbol.asyncDispose]();
});

/** `service: KIND name`, with what stands below it in the trace; siblings by name. */
interface Node {
  readonly span: string;
  readonly children: readonly Node[];
}

function treeOf(spans: readonly ReceivedSpan[], parentSpanId?: string): readonly Node[] {
  return spans
    .filter((span) => span.parentSpanId === parentSpanId)
    .map(({ service, kind, name, spanId }) => ({
      span: `${service}: ${kind} ${name}`,
      children: treeOf(spans, spanId),
    }))
    .toSorted((a, b) => a.span.localeCompare(b.span));
}

function named(spans: readonly ReceivedSpan[], service: string, name: string): ReceivedSpan {
  const found = spans.find((span) => span.service === service && span.name === name);
  if (!found) throw new Error(`no span ${name} of ${service} among ${spans.map((span) => span.name).join()}`);
  return found;
}

async function untilTrace(root: ReceivedSpan, size: number): Promise<readonly ReceivedSpan[]> {
  await waitFor(() => receiver.trace(root.traceId).length >= size, {
    what: `${size} spans of ${root.name}`,
    timeoutMs: 30_000,
  });
  return receiver.trace(root.traceId);
}

const isOurConnect = ({ name, attributes }: ReceivedSpan) =>
  name === CONNECT_SPAN && attributes['company.id'] === COMPANY;

describe('the trace of a connect', () => {
  test('is one tree over both services', async () => {
    const root = await receiver.span('the connect', isOurConnect);
    const spans = await untilTrace(root, 5);
    expect(treeOf(spans)).toEqual([
      {
        span: `whatsapp: INTERNAL ${CONNECT_SPAN}`,
        children: [
          {
            span: `whatsapp: PRODUCER publish ${EVENTS}`,
            children: [
              {
                span: `socket: CONSUMER process ${EVENTS}`,
                children: [
                  {
                    span: 'socket: PRODUCER emit whatsapp-connected',
                    children: [{ span: 'socket: CLIENT ack whatsapp-connected', children: [] }],
                  },
                ],
              },
            ],
          },
        ],
      },
    ]);
  });

  test('says in attributes what a person asks, by the names of the conventions', async () => {
    const root = await receiver.span('the connect', isOurConnect);
    const spans = await untilTrace(root, 4);
    const publish = named(spans, 'whatsapp', `publish ${EVENTS}`);
    const process = named(spans, 'socket', `process ${EVENTS}`);
    const messageId = publish.attributes['messaging.message.id'];
    expect(root.attributes).toEqual({
      'company.id': COMPANY,
      'whatsapp.event.type': 'connected',
      'whatsapp.session.state': 'connected',
      'whatsapp.synthetic': false,
      'whatsapp.outcome': 'stored',
    });
    expect(messageId).toMatch(new RegExp(`^${COMPANY}:1:[0-9]+$`));
    const destination = {
      'messaging.system': 'nats',
      'messaging.destination.name': `whatsapp.events.${COMPANY}`,
      'messaging.destination.template': EVENTS,
      'messaging.message.id': messageId,
    };
    expect(publish.attributes).toEqual({
      ...destination,
      'messaging.operation.name': 'publish',
      'messaging.operation.type': 'send',
    });
    expect(process.attributes).toMatchObject({
      ...destination,
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'company.id': COMPANY,
    });
    expect(process.links).toEqual([{ traceId: publish.traceId, spanId: publish.spanId }]);
    expect(named(spans, 'socket', 'emit whatsapp-connected').attributes).toMatchObject({
      'messaging.system': 'socket.io',
      'socketio.room.size': 1,
      'company.id': COMPANY,
    });
  });

  test('has the same id in the logs of both services and in an exemplar', async () => {
    const { traceId } = await receiver.span('the connect', isOurConnect);
    const line = async (service: 'whatsapp' | 'socket') =>
      (await system.logEntries(service)).find((entry) => entry['trace_id'] === traceId);
    expect(await line('whatsapp')).toMatchObject({ 'company.id': COMPANY, event: 'connected', outcome: 'stored' });
    expect(await line('socket')).toMatchObject({ 'company.id': COMPANY, event: 'connected', outcome: 'emitted' });
    for (const [url, metric] of [
      [system.socketUrl, 'whatsapp_connect_to_emit_duration_seconds'],
      [system.whatsappUrl, 'whatsapp_event_stage_duration_seconds'],
    ] as const) {
      const text = await (await fetch(`${url}/metrics`)).text();
      expect(text).toMatch(new RegExp(`^${metric}_bucket\\{.*# \\{trace_id="${traceId}"`, 'm'));
    }
  });
});

test('every line of the logs that names a company has its id under the one key that Loki is asked for', async () => {
  for (const service of ['whatsapp', 'socket', 'canary'] as const) {
    const naming = (await system.logEntries(service)).filter((line) => /company_|962305/.test(JSON.stringify(line)));
    expect(naming.length).toBeGreaterThan(0);
    expect(naming.filter((line) => !/^company_[0-9]+$/.test(String(line['company.id'])))).toEqual([]);
  }
});

test('the exemplar of the connect is served by Prometheus', async () => {
  const { traceId } = await receiver.span('the connect', isOurConnect);
  const { host } = new URL(system.socketUrl);
  await using prometheus = await startPrometheus({ targets: { socket: [host] }, rules: [], scrapeInterval: '1s' });
  const fromMs = Date.now() - 3_600_000;
  const exemplars = async () =>
    prometheus.exemplars(
      'whatsapp_connect_to_emit_duration_seconds_bucket{event="connected",synthetic="false"}',
      fromMs,
    );
  await waitFor(async () => (await exemplars()).some(({ labels }) => labels['trace_id'] === traceId), {
    what: 'the exemplar in Prometheus',
    timeoutMs: 60_000,
  });
});

describe('the other traces', () => {
  test('of a command lead from the gateway to the owner of the session', async () => {
    const isStart = (span: ReceivedSpan) =>
      span.name === `request ${COMMANDS}` && span.attributes['whatsapp.command.name'] === 'start';
    const root = await receiver.span('the start command', isStart);
    const spans = await untilTrace(root, 2);
    expect(treeOf(spans)).toEqual([
      {
        span: `socket: CLIENT request ${COMMANDS}`,
        children: [{ span: `whatsapp: CONSUMER process ${COMMANDS}`, children: [] }],
      },
    ]);
    const process = named(spans, 'whatsapp', `process ${COMMANDS}`);
    expect(process.attributes).toMatchObject({ 'company.id': COMPANY, 'whatsapp.command.name': 'start' });
    expect(process.links).toEqual([{ traceId: root.traceId, spanId: root.spanId }]);
  });

  test('of a canary round lead to its own subscription and into the room of its reserved company', async () => {
    const received = (span: ReceivedSpan) =>
      span.name === CANARY_SPAN && span.attributes['whatsapp.outcome'] === 'received';
    const root = await receiver.span('a canary round', received);
    expect(treeOf(await untilTrace(root, 5))).toEqual([
      {
        span: `canary: INTERNAL ${CANARY_SPAN}`,
        children: [
          {
            span: `canary: PRODUCER publish ${EVENTS}`,
            children: [
              { span: `canary: CONSUMER process ${EVENTS}`, children: [] },
              {
                span: `socket: CONSUMER process ${EVENTS}`,
                children: [{ span: 'socket: PRODUCER emit whatsapp-connected', children: [] }],
              },
            ],
          },
        ],
      },
    ]);
    expect(root.attributes['whatsapp.synthetic']).toBe(true);
    expect(new Set(root.events.map(({ attributes }) => attributes['path']))).toEqual(new Set(['nats', 'socket']));
  });

  test('have no name that is not specified', () => {
    const specified = new Set([
      CONNECT_SPAN,
      EVENT_SPAN,
      CANARY_SPAN,
      `publish ${EVENTS}`,
      `process ${EVENTS}`,
      `request ${COMMANDS}`,
      `process ${COMMANDS}`,
      'emit whatsapp-connected',
      'emit qr-update',
      'emit session-state',
      'ack whatsapp-connected',
    ]);
    const unknown = receiver.spans.map(({ name }) => name).filter((name) => !specified.has(name));
    expect(new Set(unknown)).toEqual(new Set());
  });
});

test('no span, resource or link holds a QR, a number or a token', () => {
  expect(receiver.bodies.length).toBeGreaterThan(0);
  expect(secrets.length).toBeGreaterThan(3);
  for (const secret of secrets.filter((text) => text.length > 5)) {
    expect(receiver.bodies.filter((body) => body.includes(secret))).toEqual([]);
  }
});

test('the last spans are sent when a process ends in order', async () => {
  const script =
    "import { trace } from '@opentelemetry/api'; trace.getTracer('test').startSpan('whatsapp connect').end();";
  await promisify(execFile)(
    process.execPath,
    ['--import', './shared/telemetry/preload.ts', '--input-type=module', '--eval', script],
    {
      cwd: join(import.meta.dirname, '../..'),
      env: {
        ...process.env,
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        OTEL_BSP_SCHEDULE_DELAY: '600000',
        OTEL_SERVICE_NAME: 'ending',
        REPLICA_ID: 'ending-1',
      },
    },
  );
  expect(receiver.spans.filter(({ service }) => service === 'ending').map(({ name }) => name)).toEqual([CONNECT_SPAN]);
  const body = receiver.bodies.find((text) => text.includes('"ending"'));
  expect(body).toContain('"ending-1"');
  expect(body).not.toContain('process.command');
});

test('spans that a receiver refuses are counted by the service that lost them', async () => {
  const lost = async () => {
    const text = await (await fetch(`${system.canaryUrl}/metrics`)).text();
    return Number(/^telemetry_export_failures_total\{signal="traces"\} (\d+)/m.exec(text)?.[1]);
  };
  expect(await lost()).toBe(0);
  // Not one of those that are worth another try.
  receiver.status = 400;
  await waitFor(async () => (await lost()) > 0, { what: 'lost spans to be counted', timeoutMs: 120_000 });
  const warning = async () => (await system.logEntries('canary')).find(({ msg }) => msg === 'spans were not exported');
  // A line is on its way to the file for a moment.
  expect(await waitFor(warning, { what: 'the warning in the log' })).toMatchObject({ signal: 'traces' });
});
