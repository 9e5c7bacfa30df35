import { TraceFlags, trace } from '@opentelemetry/api';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ConfirmedPublisher } from '../../shared/bus/confirmed-publisher.ts';
import { subscribeEvents, type LiveMessage } from '../../shared/bus/event-feed.ts';
import { askJetStream } from '../../shared/bus/jetstream-api.ts';
import { readLastEvent, readLastEventFromLeader } from '../../shared/bus/last-event.ts';
import { storeEvent } from '../../shared/bus/store-event.ts';
import { ensureStreams, type StreamOptions } from '../../shared/bus/streams.ts';
import { parseCompanyId } from '../../shared/contract/company-id.ts';
import { decodeEvent } from '../../shared/contract/decode-event.ts';
import type { OrderedEvent } from '../../shared/contract/events.ts';
import { EVENTS_STREAM } from '../../shared/contract/subjects.ts';
import { WallClock } from '../../shared/lifecycle/wall-clock.ts';
import { createLogger } from '../../shared/telemetry/logger.ts';
import { Metrics } from '../../shared/telemetry/metrics.ts';
import { connectBus, readStoredEvents, textOf, type WatchedBus } from '../../test/harness/bus.ts';
import { startNatsServer, type NatsServer } from '../../test/harness/nats-server.ts';
import { waitFor } from '../../test/harness/wait-for.ts';
import { Instruments } from './instruments.ts';
import { EventPublisher } from './publisher.ts';
import { Reconciler, type ReconciledSession } from './reconciler.ts';
import { initialMachine, type Machine } from './session/machine.ts';
import { Outbox } from './session/outbox.ts';

const salon = parseCompanyId('962302');
const streams: StreamOptions = { replicas: 1, mayChange: true };
const account = { phoneNumber: '79990000001', lid: '100000000000001' };

let stack: AsyncDisposableStack;
let nats: NatsServer;
let watched: WatchedBus;
let live: LiveMessage[];
let logs: Record<string, unknown>[];
let metrics: Metrics;
let instruments: Instruments;

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  nats = stack.use(await startNatsServer());
  watched = stack.use(await connectBus(nats));
  await ensureStreams(watched.bus, streams);
  live = [];
  logs = [];
  stack.use(subscribeEvents(watched.bus, (message) => live.push(message)));
  metrics = new Metrics();
  const destination = { write: (line: string) => void logs.push(JSON.parse(line) as Record<string, unknown>) };
  instruments = new Instruments(createLogger({ name: 'test', level: 'debug', destination }), metrics);
});

afterEach(async () => {
  await stack.disposeAsync();
});

/** The publishing half of a session: an outbox on a real stream. */
class PublishingSession implements ReconciledSession {
  readonly companyId = salon;
  readonly #outbox: Outbox;
  #machine: Machine = initialMachine(true, account);

  constructor(epoch = 1) {
    const publisher = new ConfirmedPublisher(watched.bus, { streams });
    stack.use(publisher);
    const events = new EventPublisher({
      publisher,
      instruments,
      source: '/whatsapp/test',
      clock: new WallClock(),
      mayPublish: () => true,
    });
    this.#outbox = new Outbox({
      epoch,
      maxWaiting: 64,
      send: (position, draft, onStamped) => events.publish(salon, position, draft, onStamped),
      raiseEpoch: (above) => Promise.resolve(above + 1),
      onFenced: () => undefined,
      onDropped: () => undefined,
    });
  }

  get quiet(): boolean {
    return this.#outbox.idle;
  }

  get lastEvent(): OrderedEvent | undefined {
    return this.#outbox.last;
  }

  publish(state: Machine['state'], republished = false): Promise<boolean> {
    this.#machine = { ...this.#machine, state };
    const occurred = { wallUs: Date.now() * 1000, monotonicMs: performance.now() };
    return this.#outbox.push({ type: state, machine: this.#machine, occurred, republished });
  }

  republish(): void {
    void this.publish(this.#machine.state, true);
  }
}

function decoded({ body }: { readonly body: Uint8Array }): OrderedEvent {
  const event = decodeEvent(salon, body);
  if (!event.ok) throw new Error(`${event.reason}: ${event.detail}`);
  return event.event as OrderedEvent;
}

describe('publishing', () => {
  test('every event has its place, its identity in the headers, and is a valid event', async () => {
    const session = new PublishingSession();
    for (const state of ['starting', 'linked', 'connected'] as const) await session.publish(state);
    const stored = await readStoredEvents(watched.bus, salon);
    expect(stored.map((message) => decoded(message).id)).toEqual([1, 2, 3].map((seq) => `${salon}:1:${seq}`));
    const last = stored.at(-1);
    const { timestamp } = decoded(last ?? { body: new Uint8Array() });
    expect(Object.fromEntries(HEADERS.map((name) => [name, last?.header(name)]))).toEqual({
      'nats-msg-id': `${salon}:1:3`,
      'ce-specversion': '1.0',
      'ce-id': `${salon}:1:3`,
      'ce-source': '/whatsapp/test',
      'ce-type': 'whatsapp.session.connected',
      'ce-subject': salon,
      'ce-time': new Date(timestamp).toISOString(),
      'content-type': 'application/json',
    });
  });

  test('an outage delays events and neither loses, repeats nor reorders them', async () => {
    const session = new PublishingSession();
    await session.publish('starting');
    await nats.kill();
    const stored = [session.publish('linked'), session.publish('connected'), session.publish('disconnected')];
    await nats.restart();
    expect(await Promise.all(stored)).toEqual([true, true, true]);
    const events = (await readStoredEvents(watched.bus, salon)).map(decoded);
    expect(events.map(({ type, seq }) => `${seq} ${type}`)).toEqual([
      '1 starting',
      '2 linked',
      '3 connected',
      '4 disconnected',
    ]);
  });

  test('an event says when the attempt was sent that went through, not when it was made', async () => {
    const session = new PublishingSession();
    await session.publish('starting');
    await nats.kill();
    await waitFor(() => !watched.bus.connected, { what: 'the outage' });
    const stored = session.publish('linked');
    await waitFor(() => session.lastEvent?.type === 'linked', { what: 'the event to be made' });
    const restartedMs = Date.now() + 1;
    await nats.restart();
    expect(await stored).toBe(true);
    const { timestamp, publishedAt = 0 } = decoded(
      (await readLastEvent(watched.bus, salon)) ?? { body: new Uint8Array() },
    );
    expect(timestamp).toBeLessThanOrEqual(restartedMs);
    expect(publishedAt / 1000).toBeGreaterThan(restartedMs);
    expect(publishedAt / 1000).toBeLessThan(Date.now() + 5);
  });

  test('an owner of the past is refused, and is told so', async () => {
    const [former, successor] = [new PublishingSession(1), new PublishingSession(2)];
    await former.publish('connected');
    await successor.publish('connected');
    expect(await former.publish('disconnected')).toBe(false);
    expect(logs).toContainEqual(expect.objectContaining({ msg: 'event refused by the stream', outcome: 'fenced' }));
    expect(textOf((await readLastEvent(watched.bus, salon)) ?? { body: new Uint8Array() })).toContain('"epoch":2');
  });

  test('stages are measured, except for events that are published again', async () => {
    const session = new PublishingSession();
    await session.publish('connected');
    await session.publish('connected', true);
    const text = await metrics.registry.metrics();
    expect(text).toMatch(/stage_duration_seconds_count\{stage="prepare",synthetic="false"\} 1\n/);
    expect(text).toMatch(/stage_duration_seconds_count\{stage="publish",synthetic="false"\} 1\n/);
  });
});

const HEADERS = [
  'nats-msg-id',
  'ce-specversion',
  'ce-id',
  'ce-source',
  'ce-type',
  'ce-subject',
  'ce-time',
  'content-type',
];

describe('tracing', () => {
  const exporter = new InMemorySpanExporter();

  const sdk = new NodeSDK({
    spanProcessors: [new SimpleSpanProcessor({ exporter })],
    metricReaders: [],
    logRecordProcessors: [],
  });
  beforeAll(() => {
    sdk.start();
  });
  beforeEach(() => {
    exporter.reset();
  });
  afterAll(async () => {
    await sdk.shutdown();
  });

  test('one trace id stands in the spans, the header, the log line and the exemplar of a connect', async () => {
    const session = new PublishingSession();
    await session.publish('connected');
    const [publish, root] = exporter.getFinishedSpans();
    expect(root).toMatchObject({
      name: 'whatsapp connect',
      attributes: { 'company.id': salon, 'whatsapp.session.state': 'connected', 'whatsapp.synthetic': false },
    });
    expect(root?.parentSpanContext).toBeUndefined();
    expect(publish).toMatchObject({
      name: 'publish whatsapp.events.{companyId}',
      attributes: {
        'messaging.system': 'nats',
        'messaging.destination.name': `whatsapp.events.${salon}`,
        'messaging.message.id': `${salon}:1:1`,
      },
    });
    const { traceId = '', spanId = '' } = root?.spanContext() ?? {};
    expect(publish?.parentSpanContext?.spanId).toBe(spanId);
    const flags = `0${TraceFlags.SAMPLED}`;
    expect(live[0]?.header('traceparent')).toBe(`00-${traceId}-${publish?.spanContext().spanId}-${flags}`);
    const line = logs.find(({ msg }) => msg === 'whatsapp connected');
    expect(line).toMatchObject({ level: 30, trace_id: traceId, span_id: spanId });
    expect(await metrics.registry.metrics()).toContain(`# {trace_id="${traceId}",span_id="${spanId}"}`);
  });

  test('every other event is the root of a trace of its own, also inside somebody else’s', async () => {
    const session = new PublishingSession();
    await trace.getTracer('test').startActiveSpan('command', async (span) => {
      await session.publish('starting');
      span.end();
    });
    const roots = exporter.getFinishedSpans().filter(({ parentSpanContext }) => parentSpanContext === undefined);
    expect(roots.map(({ name }) => name)).toEqual(['whatsapp event', 'command']);
    expect(new Set(roots.map((span) => span.spanContext().traceId)).size).toBe(2);
  });

  test('no span holds a phone number, a LID or a name', async () => {
    await new PublishingSession().publish('connected');
    const attributes = JSON.stringify(exporter.getFinishedSpans().map((span) => span.attributes));
    expect(attributes).not.toMatch(/79990000001|100000000000001/);
  });
});

describe('reconciling', () => {
  function reconciler(...sessions: ReconciledSession[]): Reconciler {
    return stack.use(
      new Reconciler({
        sessions: () => sessions,
        readLastEvent: (companyId) => readLastEvent(watched.bus, companyId),
        readLastEventFromLeader: (companyId) => readLastEventFromLeader(watched.bus, companyId),
        instruments,
        lookIntervalMs: 10,
      }),
    );
  }

  async function storeByHand(type: string): Promise<void> {
    const event = { type, companyId: salon, timestamp: Date.now(), phoneNumber: account.phoneNumber };
    await storeEvent(watched.bus, salon, Buffer.from(JSON.stringify(event)), 2000);
  }

  async function storedTypes(): Promise<string[]> {
    return (await readStoredEvents(watched.bus, salon)).map((event) => decoded(event).type);
  }

  async function round(subject: Reconciler): Promise<Record<string, unknown>> {
    const before = rounds().length;
    subject.trigger('test');
    return await waitFor(() => rounds()[before], { what: 'the end of a round' });
  }

  const rounds = () => logs.filter(({ msg }) => msg === 'states compared with the stream');

  test('nothing is published while the stream says what the session says', async () => {
    const session = new PublishingSession();
    await session.publish('connected');
    expect(await round(reconciler(session))).toMatchObject({ checked: 1, republished: 0, failed: 0 });
    expect(live).toHaveLength(1);
  });

  test('a state that the stream lost is published again, marked, at the next place', async () => {
    const session = new PublishingSession();
    await session.publish('connected');
    await askJetStream(watched.bus, `STREAM.PURGE.${EVENTS_STREAM}`);
    expect(await round(reconciler(session))).toMatchObject({ republished: 1 });
    await waitFor(() => session.quiet, { what: 'the event to be stored' });
    const [event] = (await readStoredEvents(watched.bus, salon)).map(decoded);
    expect(event).toMatchObject({ type: 'connected', republished: true, epoch: 1, seq: 2 });
  });

  test('an event published by hand that says the same is left alone, another one is answered', async () => {
    const session = new PublishingSession();
    const subject = reconciler(session);
    await session.publish('disconnected');
    const byHand = { type: 'disconnected', companyId: salon, timestamp: Date.now(), phoneNumber: account.phoneNumber };
    await storeEvent(watched.bus, salon, Buffer.from(JSON.stringify(byHand)), 2000);
    expect(await round(subject)).toMatchObject({ republished: 0 });
    await storeEvent(watched.bus, salon, Buffer.from(JSON.stringify({ ...byHand, type: 'connected' })), 2000);
    expect(await round(subject)).toMatchObject({ republished: 1 });
    await waitFor(() => session.quiet, { what: 'the event to be stored' });
    expect((await readStoredEvents(watched.bus, salon)).map(decoded).at(-1)).toMatchObject({
      type: 'disconnected',
      seq: 2,
    });
  });

  test('a look answers what was published by hand, once for a burst of it', async () => {
    const session = new PublishingSession();
    await session.publish('disconnected');
    const subject = reconciler(session);
    for (const type of ['logged-out', 'failed']) {
      await storeByHand(type);
      subject.lookAt(salon);
      subject.lookAt(parseCompanyId('962303'));
    }
    await waitFor(() => rounds().at(-1), { what: 'the end of a look' });
    await waitFor(() => session.quiet, { what: 'the event to be stored' });
    expect(rounds()).toEqual([expect.objectContaining({ cause: 'by-hand', checked: 1, republished: 1 })]);
    expect(await storedTypes()).toEqual(['disconnected', 'logged-out', 'failed', 'disconnected']);
  });

  test('a look leaves a connected published by hand until something else is', async () => {
    const session = new PublishingSession();
    await session.publish('disconnected');
    const subject = reconciler(session);
    await storeByHand('connected');
    subject.lookAt(salon);
    await waitFor(() => rounds().length === 1, { what: 'the first look' });
    expect(await storedTypes()).toEqual(['disconnected', 'connected']);
    await storeByHand('linked');
    subject.lookAt(salon);
    await waitFor(() => rounds().length === 2 && session.quiet, { what: 'the second look' });
    expect(await storedTypes()).toEqual(['disconnected', 'connected', 'linked', 'disconnected']);
  });

  test('a look that finds the session busy, or no stream to ask, comes again', async () => {
    const session = new PublishingSession();
    await session.publish('disconnected');
    const subject = reconciler(session);
    await storeByHand('logged-out');
    await nats.kill();
    await waitFor(() => !watched.bus.connected, { what: 'the connection to be lost' });
    subject.lookAt(salon);
    await waitFor(() => rounds().some(({ failed }) => failed === 1), { what: 'a look that fails' });
    await nats.restart();
    await waitFor(async () => (await storedTypes()).at(-1) === 'disconnected', { what: 'the correction' });
  });

  test('rubbish as the last message of a company is answered with the truth', async () => {
    const session = new PublishingSession();
    await session.publish('connected');
    await storeEvent(watched.bus, salon, Buffer.from('not an event'), 2000);
    expect(await round(reconciler(session))).toMatchObject({ republished: 1 });
  });

  test('a session without any event, or with one on its way, is passed over', async () => {
    const silent = new PublishingSession();
    const busy = new PublishingSession();
    const subject = reconciler(silent, busy);
    await nats.pause();
    void busy.publish('connected');
    expect(await round(subject)).toMatchObject({ checked: 2, republished: 0, failed: 0 });
    nats.resume();
    await waitFor(() => busy.quiet, { what: 'the event to be stored' });
  });

  test('a round that finds no stream to ask is counted as failed and comes again soon', async () => {
    const session = new PublishingSession();
    await session.publish('connected');
    const subject = reconciler(session);
    await nats.kill();
    await waitFor(() => !watched.bus.connected, { what: 'the connection to be lost' });
    expect(await round(subject)).toMatchObject({ failed: 1, republished: 0 });
    await nats.restart();
    await waitFor(() => rounds().length > 1 && rounds().at(-1)?.['failed'] === 0, { what: 'a round that works' });
  });
});
