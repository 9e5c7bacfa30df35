import { afterAll, beforeAll, expect, test } from 'vitest';
import { startNatsServer, type NatsServer } from '../../test/harness/nats-server.ts';
import { GatewayUnderTest, byHand, ownerEvent, type TestBrowser } from '../../test/harness/socket-gateway.ts';

const SALON = 962_302;
const LOAD = 9_100_000_001;

let server: NatsServer;
let gateway: GatewayUnderTest;
let browser: TestBrowser;
let seq = 0;

beforeAll(async () => {
  server = await startNatsServer();
  gateway = await GatewayUnderTest.start(server.url);
  browser = await gateway.join(SALON);
  await gateway.join(LOAD);
});

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await server?.stop();
});

const subject = `whatsapp.events.company_${SALON}`;
const secret = '79990000009';
const connected = JSON.stringify(byHand(SALON, 'connected', { phoneNumber: secret }));

test.each([
  ['json', 'no JSON', subject, `${secret} is not JSON`],
  ['json', 'half of an event', subject, connected.slice(0, -5)],
  ['json', 'an empty body', subject, ''],
  ['json', 'bytes that are no UTF-8', subject, new Uint8Array([0xff, 0xfe, 0x00])],
  ['schema', 'a wrong type of a field', subject, JSON.stringify(byHand(SALON, 'connected', { phoneNumber: 79 }))],
  ['schema', 'no object', subject, '[]'],
  ['unknown_type', 'an unknown type', subject, connected.replace('"connected"', '"conected"')],
  ['too_large', '65 KiB', subject, connected + ' '.repeat(65 * 1024 - connected.length)],
  ['subject', 'another company than its subject', subject, JSON.stringify(byHand(1, 'connected'))],
  ['subject', 'a bare salon id in the subject', `whatsapp.events.${SALON}`, connected],
  ['subject', 'nonsense in the subject', 'whatsapp.events.x', connected],
  [
    'reserved_id',
    'a reserved id without synthetic',
    `whatsapp.events.company_${LOAD}`,
    JSON.stringify(byHand(LOAD, 'connected')),
  ],
  ['reserved_id', 'synthetic of a customer', subject, JSON.stringify(byHand(SALON, 'connected', { synthetic: true }))],
])('a message is counted as %s: %s, and the next event goes through', async (reason, _title, on, body) => {
  const sample = `socket_invalid_events_total{reason="${reason}"}`;
  const before = await gateway.metric(sample);
  await gateway.publish(on, body);
  seq += 1;
  await gateway.publishEvent(ownerEvent(SALON, 'disconnected', { epoch: 1, seq }));
  await browser.got('session-state', seq);
  expect(browser.states.at(-1)).toMatchObject({ state: 'disconnected', seq });
  expect(await gateway.metric(sample)).toBe(before + 1);
  expect(browser.payloads('whatsapp-connected')).toEqual([]);
});

test('a flood of one kind is one line of the log, which repeats nothing from a body', async () => {
  for (let n = 0; n < 200; n += 1) gateway.nats.publish(subject, `${secret}!`);
  seq += 1;
  await gateway.publishEvent(ownerEvent(SALON, 'disconnected', { epoch: 1, seq }));
  await browser.got('session-state', seq);
  const lines = gateway.log.filter(({ reason }) => reason === 'json');
  expect(lines).toHaveLength(1);
  expect(JSON.stringify(gateway.log)).not.toContain(secret);
});

test('headers that cannot be decoded cost nothing but the trace', async () => {
  seq += 1;
  await gateway.publishEvent(ownerEvent(SALON, 'disconnected', { epoch: 1, seq }), { traceparent: 'x'.repeat(1000) });
  await browser.got('session-state', seq);
});

test('a message in the stream that is no event leaves the last valid state on the page', async () => {
  await gateway.publish(subject, 'no JSON');
  const late = await gateway.join(SALON);
  await late.showing('disconnected');
});
