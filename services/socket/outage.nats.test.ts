import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'nats';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ConfirmedPublisher } from '../../shared/bus/confirmed-publisher.ts';
import { BusConnection } from '../../shared/bus/connection.ts';
import { subscribeEvents } from '../../shared/bus/event-feed.ts';
import type { CompanyId } from '../../shared/contract/company-id.ts';
import { startNatsServer, type NatsServer } from '../../test/harness/nats-server.ts';
import {
  GatewayUnderTest,
  byHand,
  ownerEvent,
  type GatewayUnderTestOptions,
  type TestBrowser,
} from '../../test/harness/socket-gateway.ts';
import { TcpProxy } from '../../test/harness/tcp-proxy.ts';
import { waitFor } from '../../test/harness/wait-for.ts';

const SALON = 962_302;
const COMPANIES = 20;
const EVENTS = 600;

let stack: AsyncDisposableStack;
let server: NatsServer;

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  server = stack.use(await startNatsServer());
});

afterEach(() => stack.disposeAsync());

async function start(options: GatewayUnderTestOptions = {}): Promise<GatewayUnderTest> {
  return stack.use(await GatewayUnderTest.start(server.url, options));
}

/** A subscription that loses what `loses` says, as a slow consumer or a short outage does. */
function lossyFeed(loses: (subject: string) => boolean): typeof subscribeEvents {
  return (bus, onMessage, onError) =>
    subscribeEvents(bus, (message) => (loses(message.subject) ? undefined : onMessage(message)), onError);
}

describe('kill -9 of the NATS server', () => {
  test('for two seconds while 600 events of 20 companies are published: each page ends on its last one', async () => {
    const gateway = await start();
    const bus = stack.use(await BusConnection.connect({ servers: [server.url], name: 'whatsapp' }));
    const publisher = stack.use(new ConfirmedPublisher(bus, { streams: { replicas: 1, mayChange: true } }));
    const salons = Array.from({ length: COMPANIES }, (_, n) => SALON + n);
    const browsers = await Promise.all(salons.map((salon) => gateway.join(salon)));

    const stored: Promise<unknown>[] = [];
    for (let n = 0; n < EVENTS; n += 1) {
      const position = { epoch: 1, seq: Math.floor(n / COMPANIES) + 1 };
      const type = position.seq === EVENTS / COMPANIES ? 'connected' : 'disconnected';
      const event = ownerEvent(SALON + (n % COMPANIES), type, position);
      const body = Buffer.from(JSON.stringify(event));
      stored.push(publisher.publish(event.companyId as CompanyId, { id: event.id ?? '', position, body, headers: {} }));
      if (n === EVENTS / 3) void outage();
      await sleep(4);
    }
    await Promise.all(stored);
    await Promise.all(browsers.map((browser) => browser.showing('connected', 30_000)));
    for (const browser of browsers) expectOrdered(browser);
    await waitFor(() => gateway.service.readiness().ready, { what: 'the gateway to be ready again' });

    async function outage(): Promise<void> {
      await server.kill();
      await waitFor(() => !gateway.service.readiness().ready, { what: 'the gateway to say that it is not ready' });
      await sleep(2000);
      await server.restart();
    }
  });

  test('while an event waits: the page flips after the restart, without a reconnect of the browser', async () => {
    const gateway = await start();
    const browser = await gateway.join(SALON);
    await server.kill();
    await waitFor(() => !gateway.service.readiness().ready, { what: 'the gateway to notice' });
    await server.restart();
    // A publisher that connects at once; the gateway waits at least 250 ms and misses the event.
    const publisher = await connect({ servers: server.url });
    publisher.publish(`whatsapp.events.company_${SALON}`, JSON.stringify(byHand(SALON, 'connected')));
    await publisher.flush();
    await publisher.close();
    await browser.showing('connected');
    expect(browser.disconnects).toEqual([]);
  });
});

test('a browser that joins while NATS is away is shown its state when NATS is back', async () => {
  const gateway = await start();
  await gateway.publishEvent(byHand(SALON, 'connected'));
  await server.kill();
  await waitFor(() => !gateway.service.readiness().ready, { what: 'the gateway to notice' });
  const browser = await gateway.join(SALON);
  expect(await browser.got('error')).toMatchObject({ code: 'BUS_NOT_CONNECTED' });
  await server.restart();
  await browser.showing('connected');
});

test('a NATS server that stands still is noticed within seconds and dialled anew', async () => {
  const gateway = await start({ flushIntervalMs: 100 });
  const browser = await gateway.join(SALON);
  await server.pause();
  await waitFor(() => !gateway.service.readiness().ready, { what: 'the gateway to say that it is not ready' });
  server.resume();
  await waitFor(() => gateway.service.readiness().ready, { what: 'the gateway to be ready again' });
  await gateway.publishEvent(byHand(SALON, 'connected'));
  await browser.showing('connected');
});

test('an event that came while the gateway was down flips the tab that was waiting for it', async () => {
  const first = await GatewayUnderTest.start(server.url);
  const { port } = first.service;
  const browser = stack.use(await first.join(SALON, { reconnectionDelay: 50, reconnectionDelayMax: 100 }));
  await first.service.stop();
  await waitFor(() => browser.disconnects[0], { what: 'the browser to notice' });
  await first.publishEvent(byHand(SALON, 'connected'));
  await first.nats.close();
  await start({ env: { SOCKET_HTTP_PORT: String(port) } });
  await browser.showing('connected');
  expect(browser.disconnects).toEqual(['transport close']);
});

describe('an event that live delivery lost', () => {
  test('is repaired by the next one of any company, because a gap reads all open rooms again', async () => {
    let losing = false;
    let lost = 0;
    const loses = () => {
      if (losing) lost += 1;
      return losing;
    };
    const gateway = await start({ subscribe: lossyFeed(loses), laterReadsMs: [] });
    const [watched, other] = [await gateway.join(SALON), await gateway.join(1)];
    await gateway.publishEvent(ownerEvent(1, 'starting', { epoch: 1, seq: 1 }));
    await other.showing('starting');
    losing = true;
    await gateway.publishEvent(ownerEvent(SALON, 'connected', { epoch: 1, seq: 1 }));
    await gateway.publishEvent(ownerEvent(1, 'linked', { epoch: 1, seq: 2 }));
    await waitFor(() => lost === 2, { what: 'two events to be lost' });
    losing = false;
    await gateway.publishEvent(ownerEvent(1, 'connected', { epoch: 1, seq: 3 }));
    await Promise.all([watched.showing('connected'), other.showing('connected')]);
    const passes = 'event_feed_resync_duration_seconds_count{reason="gap"}';
    // A pass ends when it has looked at all rooms, a moment after the last of them was shown its state.
    await waitFor(async () => (await gateway.metric(passes)) > 0, { what: 'the end of the pass' });
    expect(await gateway.metric(passes)).toBe(1);
  });

  test('is repaired when the server calls the gateway slow', async () => {
    const wire = stack.use(await TcpProxy.start(server.port));
    const subscribe = lossyFeed(() => true);
    const gateway = stack.use(await GatewayUnderTest.start(wire.url, { subscribe, laterReadsMs: [] }));
    await gateway.publishEvent(ownerEvent(SALON, 'linked', { epoch: 1, seq: 1 }));
    const browser = await gateway.join(SALON);
    await browser.showing('linked');
    await gateway.publishEvent(ownerEvent(SALON, 'connected', { epoch: 1, seq: 2 }));
    wire.inject("-ERR 'Slow Consumer'\r\n");
    await browser.showing('connected');
  });

  test('is repaired by the audit when nothing else tells, and counted', async () => {
    const gateway = await start({
      subscribe: lossyFeed((subject) => subject.endsWith(`_${SALON}`)),
      laterReadsMs: [],
      auditRoundMs: 100,
    });
    const browser = await gateway.join(SALON);
    await gateway.publishEvent(ownerEvent(SALON, 'starting', { epoch: 1, seq: 1 }));
    await browser.showing('starting');
    await gateway.publishEvent(ownerEvent(SALON, 'connected', { epoch: 1, seq: 2 }));
    await browser.showing('connected');
    expect(await gateway.metric('event_feed_repairs_total{reason="audit"}')).toBe(1);
    const live = 'whatsapp_connect_to_emit_duration_seconds_count{event="connected",synthetic="false",delivery=';
    expect(await gateway.metric(`${live}"repaired"}`)).toBe(1);
    expect(await gateway.metric(`${live}"live"}`)).toBe(0);
  });

  test('just around a join is found by the later reads', async () => {
    const gateway = await start({ subscribe: lossyFeed(() => true), laterReadsMs: [100, 200] });
    await gateway.publishEvent(ownerEvent(SALON, 'starting', { epoch: 1, seq: 1 }));
    const browser = await gateway.join(SALON);
    await browser.showing('starting');
    await gateway.publishEvent(ownerEvent(SALON, 'connected', { epoch: 1, seq: 2 }));
    await browser.showing('connected');
    expect(await gateway.metric('event_feed_repairs_total{reason="join"}')).toBe(1);
  });
});

test('joins that race with a stream of events end on the newest, and never go back', async () => {
  const gateway = await start();
  const last = 300;
  const progress = { seq: 0 };
  const publish = async () => {
    for (progress.seq = 1; progress.seq <= last; progress.seq += 1) {
      const type = progress.seq === last ? 'connected' : 'disconnected';
      await gateway.publishEvent(ownerEvent(SALON, type, { epoch: 1, seq: progress.seq }));
    }
  };
  const publishing = publish();
  const browsers: TestBrowser[] = [];
  while (progress.seq < last - 50) browsers.push(await gateway.join(SALON));
  await publishing;
  await Promise.all(browsers.map((browser) => browser.showing('connected')));
  for (const browser of browsers) expectOrdered(browser);
});

test('a stream that was deleted is created again, and the gateway is ready again', async () => {
  const gateway = await start();
  const manager = await gateway.nats.jetstreamManager();
  await manager.streams.delete('WHATSAPP_EVENTS');
  const browser = await gateway.join(SALON);
  // Not being ready may take less time than it takes to be seen.
  const failure = 'could not read the last events of all open rooms';
  await waitFor(() => gateway.log.some(({ msg }) => msg === failure), { what: 'the gateway to notice' });
  await waitFor(() => gateway.service.readiness().ready, { what: 'the gateway to be ready again' });
  await gateway.publishEvent(byHand(SALON, 'connected'));
  await browser.showing('connected');
  expect((await manager.streams.info('WHATSAPP_EVENTS')).state.messages).toBe(1);
});

function expectOrdered(browser: TestBrowser): void {
  const shown = browser.states.map(({ seq = 0 }) => seq);
  expect(shown).toEqual(shown.toSorted((a, b) => a - b));
}
