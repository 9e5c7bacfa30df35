import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { readLastEvent, type StoredEvent } from '../../shared/bus/last-event.ts';
import { startNatsServer, type NatsServer } from '../../test/harness/nats-server.ts';
import {
  GatewayUnderTest,
  TestBrowser,
  ownerEvent,
  signToken,
  type GatewayUnderTestOptions,
} from '../../test/harness/socket-gateway.ts';
import { TcpBalancer } from '../../test/harness/tcp-balancer.ts';
import { waitFor } from '../../test/harness/wait-for.ts';

/** Each test has a company of its own. */
let salon = 962_301;
let server: NatsServer;
let stack: AsyncDisposableStack;

beforeAll(async () => {
  server = await startNatsServer();
});

afterEach(() => stack?.disposeAsync());
afterAll(() => server?.stop());

async function startPair(second: GatewayUnderTestOptions = {}) {
  stack = new AsyncDisposableStack();
  salon += 1;
  const replicas = [
    stack.use(await GatewayUnderTest.start(server.url)),
    stack.use(await GatewayUnderTest.start(server.url, second)),
  ] as const;
  const balancer = stack.use(new TcpBalancer(replicas.map(({ service }) => service.port)));
  return { replicas, balancer };
}

async function openTab(url: string, transports: string[], auth: object = {}): Promise<TestBrowser> {
  const token = await signToken(salon);
  const options = { transports, reconnectionDelay: 50, reconnectionDelayMax: 200 };
  return stack.use(new TestBrowser(url, { ...options, auth: { token, ...auth } })).connected();
}

const event = (type: Parameters<typeof ownerEvent>[1], seq: number) => ownerEvent(salon, type, { epoch: 1, seq });

function roomsOf(replicas: readonly GatewayUnderTest[]): Promise<number[]> {
  return Promise.all(replicas.map((replica) => replica.metric('socketio_rooms')));
}

/** The status of an answer, and when to come back. */
async function ask(url: string, agent: Agent): Promise<unknown[]> {
  const [response] = (await once(get(url, { agent }), 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  return [response.statusCode, response.headers['retry-after']];
}

describe('two replicas', () => {
  test('behind a balancer sticky by client address show the same over every transport', async () => {
    const { replicas, balancer } = await startPair();
    const tabs: TestBrowser[] = [];
    for (const address of [0, 1]) {
      const url = await balancer.stickyAddress(address);
      for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
        tabs.push(await openTab(url, transports));
      }
    }
    expect(await roomsOf(replicas)).toEqual([1, 1]);
    await replicas[0].publishEvent(event('linked', 1));
    await replicas[0].publishEvent(event('connected', 2));
    await Promise.all(tabs.map((tab) => tab.showing('connected')));
    for (const tab of tabs) expect(tab.states.map(({ seq }) => seq)).toEqual([1, 2]);
    const sent = tabs.map((tab) => JSON.stringify(tab.received));
    expect(new Set(sent).size).toBe(1);
  });

  test('behind a plain balancer serve clients that use WebSocket alone', async () => {
    const { replicas, balancer } = await startPair();
    const url = await balancer.plain();
    const tabs: TestBrowser[] = [];
    for (let n = 0; n < 6; n += 1) tabs.push(await openTab(url, ['websocket']));
    expect(await roomsOf(replicas)).toEqual([1, 1]);
    await replicas[1].publishEvent(event('connected', 1));
    await Promise.all(tabs.map((tab) => tab.showing('connected')));
    expect(tabs.flatMap(({ disconnects }) => disconnects)).toEqual([]);
  });

  test('one of which is behind show nothing older to a browser that comes over and says what it has seen', async () => {
    let isBehind = true;
    const older = Promise.withResolvers<StoredEvent | undefined>();
    const { replicas } = await startPair({
      // Hears nothing live and reads an old copy of the stream.
      subscribe: () => ({
        active: true,
        drain: () => Promise.resolve(),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      }),
      readLastEvent: (bus, companyId) => (isBehind ? older.promise : readLastEvent(bus, companyId)),
      laterReadsMs: [],
      auditRoundMs: 200,
    });
    const [ahead, behind] = replicas;
    await ahead.publishEvent(event('linked', 2));
    const browser = await openTab(ahead.url, ['websocket']);
    await browser.showing('linked');
    const body = Buffer.from(JSON.stringify(event('linked', 2)));
    older.resolve({ body, streamSeq: 1, storedAtMs: Date.now(), header: () => undefined });
    await ahead.publishEvent(event('connected', 3));
    const { epoch, seq, stream } = await browser.showing('connected');
    browser.socket.disconnect();

    const moved = await openTab(behind.url, ['websocket'], { seen: { epoch, seq, stream } });
    const stranger = await openTab(behind.url, ['websocket']);
    await stranger.showing('linked');
    expect(moved.states).toEqual([]);
    isBehind = false;
    await Promise.all([moved.showing('connected'), stranger.showing('connected')]);
    expect(moved.states.map((state) => state.seq)).toEqual([3]);
  });

  test('take over from each other: a stop sends browsers to the other one, which shows them where they stand', async () => {
    const { replicas, balancer } = await startPair();
    const [leaving, staying] = replicas;
    const url = await balancer.stickyAddress(0);
    const tabs = [await openTab(url, ['websocket']), await openTab(url, ['polling'])];
    await leaving.publishEvent(event('linked', 1));
    await Promise.all(tabs.map((tab) => tab.showing('linked')));
    await leaving.service.stop();
    await staying.publishEvent(event('connected', 2));
    for (const tab of tabs) {
      await tab.showing('connected', 30_000);
      expect(tab.disconnects).toEqual(['transport close']);
    }
    expect(await staying.metric('socketio_rooms')).toBe(1);
  });
});

test('a stop sends many browsers elsewhere over time, while NATS is still there and nobody is let in', async () => {
  stack = new AsyncDisposableStack();
  salon += 1;
  const gateway = stack.use(await GatewayUnderTest.start(server.url, { limits: { drainMs: 1000 } }));
  const tabs: TestBrowser[] = [];
  for (let n = 0; n < 60; n += 1) tabs.push(await openTab(gateway.url, ['websocket']));
  // Over a connection that is open already: a new one could take longer than the stop.
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  await ask(`${gateway.url}/healthz`, agent);
  const stopped = gateway.service.stop();
  expect(gateway.service.readiness()).toMatchObject({ ready: false, checks: { service: 'stopping', nats: 'ok' } });
  expect(await ask(`${gateway.url}/socket.io/?EIO=4&transport=polling`, agent)).toEqual([503, '15']);
  await stopped;
  agent.destroy();
  await waitFor(() => tabs.every(({ disconnects }) => disconnects.length > 0), { what: 'all browsers to be gone' });
  expect(tabs.every(({ socket }) => socket.active)).toBe(true);
});
