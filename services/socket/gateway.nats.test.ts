import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startNatsServer, type NatsServer } from '../../test/harness/nats-server.ts';
import { GatewayUnderTest, byHand, ownerEvent, qrFor } from '../../test/harness/socket-gateway.ts';
import { waitFor } from '../../test/harness/wait-for.ts';

let server: NatsServer;
let gateway: GatewayUnderTest;

beforeAll(async () => {
  server = await startNatsServer();
  gateway = await GatewayUnderTest.start(server.url);
});

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await server?.stop();
});

/** Each test has a company of its own. */
let lastSalon = 962_301;
function nextSalon(): number {
  lastSalon += 1;
  return lastSalon;
}

describe('an event', () => {
  test('published by hand, without any header, flips the page', async () => {
    const browser = await gateway.join(962_302);
    await gateway.publish(
      'whatsapp.events.company_962302',
      '{"type":"connected","companyId":"company_962302","phoneNumber":"79990000001","timestamp":1764870000000}',
    );
    expect(await browser.got('whatsapp-connected')).toEqual({
      success: true,
      phone: '79990000001',
      sessionId: 'company_962302',
      message: 'WhatsApp успешно подключен!',
    });
    expect(await browser.showing('connected')).toEqual({
      state: 'connected',
      sessionId: 'company_962302',
      phone: '79990000001',
    });
  });

  test('reaches both tabs of its salon and no tab of another', async () => {
    const [salon, other] = [nextSalon(), nextSalon()];
    const tabs = [await gateway.join(salon), await gateway.join(salon, { transports: ['polling'] })];
    const stranger = await gateway.join(other);
    await gateway.publishEvent(byHand(salon, 'connected'));
    await Promise.all(tabs.map((tab) => tab.got('whatsapp-connected')));
    await gateway.publishEvent(byHand(other, 'disconnected'));
    await stranger.showing('disconnected');
    expect(stranger.payloads('whatsapp-connected')).toEqual([]);
  });

  test('that came before the tab was opened flips it at once, with the message for that', async () => {
    const salon = nextSalon();
    await gateway.publishEvent(byHand(salon, 'connected'));
    const browser = await gateway.join(salon);
    expect(await browser.got('whatsapp-connected')).toMatchObject({ message: 'WhatsApp уже подключен!' });
    await browser.showing('connected');
  });

  test('repeated or older than the last one is not emitted', async () => {
    const salon = nextSalon();
    const browser = await gateway.join(salon);
    const connected = ownerEvent(salon, 'connected', { epoch: 2, seq: 5 });
    await gateway.publishEvent(connected);
    await gateway.publishEvent(connected);
    await gateway.publishEvent(ownerEvent(salon, 'qr', { epoch: 2, seq: 4 }, qrFor(60_000)));
    await gateway.publishEvent(ownerEvent(salon, 'logged-out', { epoch: 1, seq: 99 }));
    await gateway.publishEvent(ownerEvent(salon, 'disconnected', { epoch: 2, seq: 6 }));
    await browser.showing('disconnected');
    expect(browser.states.map(({ state, seq }) => [state, seq])).toEqual([
      ['connected', 5],
      ['disconnected', 6],
    ]);
  });

  test('carries the QR with the seconds that are left', async () => {
    const salon = nextSalon();
    const browser = await gateway.join(salon);
    await gateway.publishEvent(ownerEvent(salon, 'qr', { epoch: 1, seq: 1 }, qrFor(60_000, '2@first')));
    expect(await browser.got('qr-update')).toEqual({ qr: '2@first', expiresIn: 60 });
  });
});

describe('a connected published by hand', () => {
  test('stays on the page and on tabs opened later while its owner goes on with QR codes', async () => {
    const salon = nextSalon();
    const browser = await gateway.join(salon);
    await gateway.publishEvent(byHand(salon, 'connected'));
    await browser.showing('connected');
    await gateway.publishEvent(ownerEvent(salon, 'starting', { epoch: 1, seq: 1 }));
    await gateway.publishEvent(ownerEvent(salon, 'qr', { epoch: 1, seq: 2 }, qrFor(60_000)));
    const later = await gateway.join(salon);
    await later.showing('connected');
    await gateway.publishEvent(ownerEvent(salon, 'logged-out', { epoch: 1, seq: 3 }));
    await Promise.all([browser.showing('logged-out'), later.showing('logged-out')]);
    expect([...browser.payloads('qr-update'), ...later.payloads('qr-update')]).toEqual([]);
  });
});

describe('a client that says what it has seen', () => {
  test('is shown nothing older, and everything from there on', async () => {
    const salon = nextSalon();
    await gateway.publishEvent(ownerEvent(salon, 'qr', { epoch: 3, seq: 1 }, qrFor(60_000)));
    const ahead = await gateway.join(salon, { auth: { seen: { epoch: 3, seq: 3 } } });
    const witness = await gateway.join(salon);
    await witness.showing('qr');
    await gateway.publishEvent(ownerEvent(salon, 'linked', { epoch: 3, seq: 2 }));
    await witness.showing('linked');
    await gateway.publishEvent(ownerEvent(salon, 'connected', { epoch: 3, seq: 3 }));
    await Promise.all([ahead.showing('connected'), witness.showing('connected')]);
    expect(ahead.states.map(({ seq }) => seq)).toEqual([3]);
  });

  test.each([null, 'x', {}, { epoch: 1 }, { epoch: '1', seq: 1 }, { epoch: -1, seq: 0 }, []])(
    'with nonsense (%j) is shown everything',
    async (seen) => {
      const salon = nextSalon();
      await gateway.publishEvent(ownerEvent(salon, 'connected', { epoch: 1, seq: 1 }));
      const browser = await gateway.join(salon, { auth: { seen } });
      await browser.showing('connected');
    },
  );
});

describe('what is measured', () => {
  test('the latency of a live connect, and none of an event published by hand', async () => {
    const salon = nextSalon();
    const browser = await gateway.join(salon);
    const count =
      'whatsapp_connect_to_emit_duration_seconds_count{event="connected",synthetic="false",delivery="live"}';
    const before = await gateway.metric(count);
    await gateway.publishEvent(byHand(salon, 'connected'));
    await browser.showing('connected');
    expect(await gateway.metric(count)).toBe(before);
    await gateway.publishEvent(ownerEvent(salon, 'connected', { epoch: 1, seq: 1 }));
    await waitFor(() => browser.states.length === 2, { what: 'the second connect' });
    expect(await gateway.metric(count)).toBe(before + 1);
    await gateway.publishEvent(ownerEvent(salon, 'connected', { epoch: 1, seq: 2 }, { republished: true }));
    await waitFor(() => browser.states.length === 3, { what: 'the republished connect' });
    expect(await gateway.metric(count)).toBe(before + 1);
  });

  test('the way through the broker from when the message was sent, or made when nothing else is said', async () => {
    const salon = nextSalon();
    const browser = await gateway.join(salon);
    const sum = 'whatsapp_event_stage_duration_seconds_sum{stage="broker_transit",synthetic="false"}';
    const before = await gateway.metric(sum);
    const ago = (seconds: number) => Date.now() - seconds * 1000;
    const event = (seq: number, fields: object) =>
      gateway.publishEvent(ownerEvent(salon, 'linked', { epoch: 1, seq }, { timestamp: ago(1000), ...fields }));
    await event(1, { publishedAt: ago(100) * 1000 });
    await waitFor(() => browser.states.length === 1, { what: 'the first event' });
    expect(Math.floor(((await gateway.metric(sum)) - before) / 100)).toBe(1);
    await event(2, {});
    await waitFor(() => browser.states.length === 2, { what: 'the second event' });
    expect(Math.floor(((await gateway.metric(sum)) - before) / 100)).toBe(11);
  });

  test('a sampled connect is the exemplar of its latency, and one line of the log', async () => {
    const salon = nextSalon();
    const browser = await gateway.join(salon);
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    await gateway.publishEvent(ownerEvent(salon, 'connected', { epoch: 1, seq: 1 }), {
      Traceparent: `00-${traceId}-b7ad6b7169203331-01`,
    });
    await browser.showing('connected');
    expect(await gateway.metrics()).toMatch(
      new RegExp(`whatsapp_connect_to_emit_duration_seconds_bucket\\{.*# \\{.*trace_id="${traceId}"`),
    );
    const lines = gateway.log.filter(({ level, ...line }) => level === 30 && line['company.id'] === `company_${salon}`);
    expect(lines).toHaveLength(1);
    expect(JSON.stringify(gateway.log)).not.toContain('79990000001');
  });

  test('an event that nobody waits for, without reading it', async () => {
    const sample = 'socket_events_total{event="other",outcome="no_audience",synthetic="true"}';
    const before = await gateway.metric(sample);
    await gateway.publish('whatsapp.events.company_9100000001', 'not even JSON');
    await waitFor(async () => (await gateway.metric(sample)) === before + 1, { what: 'the event to be counted' });
  });
});
