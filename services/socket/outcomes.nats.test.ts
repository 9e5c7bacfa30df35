import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { subscribeEvents, type LiveMessage } from '../../shared/bus/event-feed.ts';
import { startNatsServer, type NatsServer } from '../../test/harness/nats-server.ts';
import { GatewayUnderTest, ownerEvent, type GatewayUnderTestOptions } from '../../test/harness/socket-gateway.ts';
import { waitFor } from '../../test/harness/wait-for.ts';

const SALON = 962_302;
const LOAD = 9_100_000_001;
const subject = `whatsapp.events.company_${SALON}`;

let server: NatsServer;
let gateway: GatewayUnderTest | undefined;

beforeAll(async () => {
  server = await startNatsServer();
});

afterEach(() => gateway?.[Symbol.asyncDispose]());

afterAll(() => server?.stop());

async function start(options: GatewayUnderTestOptions = {}): Promise<GatewayUnderTest> {
  gateway = await GatewayUnderTest.startEmpty(server.url, options);
  return gateway;
}

/** The outcomes that were counted, with how often; synthetic ones are marked. */
async function outcomesOf(of: GatewayUnderTest): Promise<Readonly<Record<string, number>>> {
  const counted: Record<string, number> = {};
  for (const line of (await of.metrics()).split('\n')) {
    const [, outcome = '', synthetic, count] =
      /^socket_events_total\{.*outcome="(\w+)",synthetic="(\w+)"\} (\d+)/.exec(line) ?? [];
    const name = synthetic === 'true' ? `synthetic ${outcome}` : outcome;
    if (Number(count) > 0) counted[name] = (counted[name] ?? 0) + Number(count);
  }
  return counted;
}

describe('of a company with browsers', () => {
  test('every message is counted once, by what became of it', async () => {
    const of = await start();
    const browser = await of.join(SALON);
    await of.join(LOAD);
    const event = (type: 'linked' | 'connected', seq: number) => ownerEvent(SALON, type, { epoch: 1, seq });
    const poison = [
      'no JSON',
      '[]',
      '{"type":"conected"}',
      JSON.stringify(ownerEvent(1, 'connected', { epoch: 1, seq: 1 })),
      ' '.repeat(65 * 1024),
    ];
    await of.publishEvent(event('linked', 1));
    await of.publishEvent(event('linked', 1));
    for (const body of poison) await of.publish(subject, body);
    await of.publish(`whatsapp.events.company_${LOAD}`, 'no JSON');
    await of.publish('whatsapp.events.company_7', 'no JSON');
    await of.publish('whatsapp.events.x', 'no JSON');
    await of.publishEvent(event('connected', 3));
    await of.publishEvent(event('linked', 2));
    await browser.showing('connected');
    const wanted = {
      emitted: 2,
      duplicate: 1,
      stale: 1,
      dropped: poison.length,
      'synthetic dropped': 1,
      no_audience: 1,
    };
    await waitFor(async () => (await outcomesOf(of))['stale'] === 1, { what: 'the last one to be counted' });
    expect(await outcomesOf(of)).toEqual(wanted);
  });

  test('that have all seen something newer, an event is stale: it is emitted to nobody', async () => {
    const of = await start();
    const ahead = await of.join(SALON, { auth: { seen: { epoch: 3, seq: 3 } } });
    await of.publishEvent(ownerEvent(SALON, 'linked', { epoch: 3, seq: 2 }));
    await of.publishEvent(ownerEvent(SALON, 'connected', { epoch: 3, seq: 3 }));
    await ahead.showing('connected');
    expect(ahead.states.map(({ seq }) => seq)).toEqual([3]);
    expect(await outcomesOf(of)).toEqual({ emitted: 1, stale: 1 });
  });

  test('an event whose delivery throws is an error, and the next one goes through', async () => {
    let isBroken = true;
    const of = await start({
      subscribe: (bus, onMessage, onError) =>
        subscribeEvents(
          bus,
          ({ subject: on, body }) => {
            const header = () => {
              if (isBroken) throw new TypeError('a bug');
              return undefined;
            };
            onMessage({ subject: on, body, header });
          },
          onError,
        ),
    });
    const browser = await of.join(SALON);
    await of.publishEvent(ownerEvent(SALON, 'linked', { epoch: 1, seq: 1 }));
    await waitFor(() => of.log.find(({ msg }) => msg === 'an emit failed'), { what: 'the failure to be logged' });
    isBroken = false;
    await of.publishEvent(ownerEvent(SALON, 'connected', { epoch: 1, seq: 2 }));
    await browser.showing('connected');
    expect(await outcomesOf(of)).toEqual({ error: 1, emitted: 1 });
  });
});

test('losses have their series before the first one, so that a rate sees it', async () => {
  const text = await (await start()).metrics();
  for (const event of ['connected', 'disconnected', 'qr', 'pairing_code', 'linked', 'logged_out', 'other']) {
    expect(text).toContain(`socket_events_total{event="${event}",outcome="error",synthetic="false"} 0\n`);
  }
  expect(text).toContain('socket_events_total{event="other",outcome="dropped",synthetic="false"} 0\n');
});

test('events of one read are emitted when all of them are written, a sampled one at once and by itself', async () => {
  let receive: ((message: LiveMessage) => void) | undefined;
  const of = await start({
    subscribe: (bus, onMessage, onError) => {
      receive = onMessage;
      return subscribeEvents(bus, () => undefined, onError);
    },
  });
  const salons = [1, 2, 3, 4];
  const browsers = await Promise.all(salons.map((salon) => of.join(salon)));
  const traced = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const read = (salon: number, traceparent?: string) => {
    const body = new TextEncoder().encode(JSON.stringify(ownerEvent(salon, 'connected', { epoch: 1, seq: 1 })));
    receive?.({ subject: `whatsapp.events.company_${salon}`, body, header: () => traceparent });
  };
  const emitted = () => of.log.flatMap((line) => (line['msg'] === 'emitted an event' ? [line['company.id']] : []));
  read(1);
  read(2);
  expect(emitted()).toEqual([]);
  read(3, traced);
  expect(emitted()).toEqual(['company_1', 'company_2', 'company_3']);
  read(4);
  expect(emitted()).toHaveLength(3);
  await nextTurn();
  expect(emitted()).toHaveLength(4);
  for (const browser of browsers) await browser.showing('connected');
});
