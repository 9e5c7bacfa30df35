import { describe, expect, test } from 'vitest';
import { BusError } from '../bus/bus-error.ts';
import { createLogger } from '../telemetry/logger.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { BusInstruments } from './bus-instruments.ts';
import { MessagingInstruments } from './messaging-instruments.ts';

const TEMPLATE = 'whatsapp.events.{companyId}';

async function samples(metrics: Metrics): Promise<ReadonlyMap<string, number>> {
  const lines = (await metrics.registry.metrics()).split('\n').filter((line) => !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
}

describe('the instruments of a NATS connection', () => {
  function instruments() {
    const log: { level: number; msg: string }[] = [];
    const destination = { write: (line: string) => void log.push(JSON.parse(line) as (typeof log)[number]) };
    const metrics = new Metrics();
    return {
      log,
      metrics,
      bus: new BusInstruments(createLogger({ name: 'test', level: 'debug', destination }), metrics, 'socket'),
    };
  }

  test('tell the story of an outage in four lines and in the metrics', async () => {
    const { bus, log, metrics } = instruments();
    const server = '127.0.0.1:4222';
    bus.onStatus({ kind: 'connected', server });
    bus.onStatus({ kind: 'disconnected', server, reason: 'stale' });
    expect(await samples(metrics)).toContainEqual(['nats_client_connected{role="socket"}', 0]);
    for (let attempt = 0; attempt < 100; attempt += 1) bus.onStatus({ kind: 'reconnecting', server });
    bus.onStatus({ kind: 'reconnected', server });
    bus.onStatus({ kind: 'slow-consumer' });
    const found = await samples(metrics);
    expect(found.get('nats_client_connected{role="socket"}')).toBe(1);
    expect(found.get('nats_client_reconnects_total{role="socket"}')).toBe(1);
    expect(found.get('nats_client_disconnects_total{reason="stale"}')).toBe(1);
    expect(found.get('nats_client_disconnects_total{reason="slow_consumer"}')).toBe(1);
    expect(log.filter(({ level }) => level >= 30).map(({ msg }) => msg)).toEqual([
      'connected to NATS',
      'lost the connection to NATS',
      'connected to NATS again',
      'NATS dropped messages because this service reads too slowly',
    ]);
  });

  test('have every series before anything has gone wrong', async () => {
    const found = await samples(instruments().metrics);
    expect(found.get('nats_client_connected{role="socket"}')).toBe(0);
    for (const reason of ['lost', 'stale', 'forced', 'slow_consumer']) {
      expect(found.get(`nats_client_disconnects_total{reason="${reason}"}`)).toBe(0);
    }
  });
});

describe('the instruments of messages', () => {
  const labels = (operation: string, error: string) =>
    `{messaging_operation_name="${operation}",messaging_destination_template="${TEMPLATE}",error_type="${error}"}`;

  test('count and time what is sent, by the code of its failure', async () => {
    const metrics = new Metrics();
    const messaging = new MessagingInstruments(metrics);
    expect(await messaging.send('publish', TEMPLATE, () => Promise.resolve('stored'))).toBe('stored');
    const failure = new BusError('BUS_TIMEOUT', 'no answer');
    await expect(messaging.send('publish', TEMPLATE, () => Promise.reject(failure))).rejects.toBe(failure);
    const found = await samples(metrics);
    for (const error of ['', 'BUS_TIMEOUT']) {
      expect(found.get(`messaging_client_sent_messages_total${labels('publish', error)}`)).toBe(1);
      expect(found.get(`messaging_client_operation_duration_seconds_count${labels('publish', error)}`)).toBe(1);
    }
  });

  test('count a refusal that is answered as the failure that it is', async () => {
    const metrics = new Metrics();
    const messaging = new MessagingInstruments(metrics);
    const refuse = () => Promise.resolve({ ok: false, code: 'BUSY' });
    expect(await messaging.process(TEMPLATE, refuse, ({ code }) => code)).toEqual({ ok: false, code: 'BUSY' });
    await expect(messaging.process(TEMPLATE, () => Promise.reject(new TypeError('broken')))).rejects.toThrow('broken');
    const found = await samples(metrics);
    for (const error of ['BUSY', 'TypeError']) {
      expect(found.get(`messaging_client_consumed_messages_total${labels('process', error)}`)).toBe(1);
      expect(found.get(`messaging_process_duration_seconds_count${labels('process', error)}`)).toBe(1);
    }
  });

  test('count on the hot path one by one', async () => {
    const metrics = new Metrics();
    const { consumed, processed } = new MessagingInstruments(metrics).processing(TEMPLATE);
    for (let message = 0; message < 5; message += 1) consumed();
    processed(0.001);
    const found = await samples(metrics);
    expect(found.get(`messaging_client_consumed_messages_total${labels('process', '')}`)).toBe(5);
    expect(found.get(`messaging_process_duration_seconds_count${labels('process', '')}`)).toBe(1);
  });
});
