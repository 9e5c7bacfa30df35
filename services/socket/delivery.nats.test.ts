import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startNatsServer, type NatsServer } from '../../test/harness/nats-server.ts';
import { RawTransport } from '../../test/harness/raw-transport.ts';
import {
  GatewayUnderTest,
  byHand,
  ownerEvent,
  qrFor,
  signToken,
  type GatewayUnderTestOptions,
  type TestBrowser,
} from '../../test/harness/socket-gateway.ts';
import { TcpProxy } from '../../test/harness/tcp-proxy.ts';
import { waitFor } from '../../test/harness/wait-for.ts';

const SALON = 962_302;
const WEBSOCKETS = 'socketio_connected_clients{transport="websocket"}';
const SLOW_READERS = 'socketio_disconnections_total{reason="slow_reader"}';

let server: NatsServer;
let stack: AsyncDisposableStack;

beforeAll(async () => {
  server = await startNatsServer();
});

afterEach(() => stack?.disposeAsync());

afterAll(() => server?.stop());

async function start(options: GatewayUnderTestOptions = {}): Promise<GatewayUnderTest> {
  stack = new AsyncDisposableStack();
  return stack.use(await GatewayUnderTest.startEmpty(server.url, options));
}

const outcome = (name: string, event = 'connected') =>
  `whatsapp_browser_acks_total{event="${event}",outcome="${name}"}`;
const connected = (seq: number) => ownerEvent(SALON, 'connected', { epoch: 1, seq });

/** Answers what asks for an answer, from the `from`th time on. */
function acknowledge(browser: TestBrowser, from = 1): void {
  let times = 0;
  browser.socket.on('session-state', (_payload: unknown, answer?: () => void) => {
    if (answer) times += 1;
    if (times >= from) answer?.();
  });
}

describe('a final state', () => {
  test('is measured from the emit to the acknowledgement of a client that announces it', async () => {
    const gateway = await start();
    const browser = await gateway.open(SALON, { auth: { acknowledges: true } });
    acknowledge(browser);
    await browser.connected();
    await gateway.publishEvent(connected(1));
    await waitFor(() => gateway.metric(outcome('acknowledged')), { what: 'the acknowledgement' });
    const count = 'whatsapp_browser_ack_duration_seconds_count{event="connected",transport="websocket"}';
    expect(await gateway.metric(count)).toBe(1);
    expect(browser.payloads('whatsapp-connected')).toHaveLength(1);
  });

  test('asks nothing of a client that announces nothing, in the same room', async () => {
    const gateway = await start({ limits: { acknowledgeTimeoutMs: 20 } });
    const asked: boolean[] = [];
    const legacy = await gateway.open(SALON);
    legacy.socket.on('session-state', (_payload: unknown, answer?: unknown) => asked.push(answer !== undefined));
    await legacy.connected();
    const other = await gateway.open(SALON, { auth: { acknowledges: true } });
    acknowledge(other);
    await other.connected();
    await gateway.publishEvent(connected(1));
    await Promise.all([legacy.showing('connected'), other.showing('connected')]);
    await waitFor(() => gateway.metric(outcome('acknowledged')), { what: 'the acknowledgement of the other' });
    expect(asked).toEqual([false]);
    expect(legacy.states).toHaveLength(1);
  });

  test('is sent twice more to a browser that does not answer, and then counted as missing', async () => {
    const gateway = await start({ limits: { acknowledgeTimeoutMs: 20 } });
    const deaf = await gateway.join(SALON, { auth: { acknowledges: true } });
    await gateway.publishEvent(connected(1));
    await waitFor(() => gateway.metric(outcome('missing')), { what: 'the state to be given up' });
    expect(await gateway.metric(outcome('retried'))).toBe(2);
    await waitFor(() => deaf.states.length === 3, { what: 'three attempts' });
    expect(deaf.payloads('whatsapp-connected')).toHaveLength(1);
  });

  test('that is answered at the second attempt is acknowledged once', async () => {
    const gateway = await start({ limits: { acknowledgeTimeoutMs: 50 } });
    const slow = await gateway.open(SALON, { auth: { acknowledges: true } });
    acknowledge(slow, 2);
    await slow.connected();
    await gateway.publishEvent(connected(1));
    await waitFor(() => gateway.metric(outcome('acknowledged')), { what: 'the acknowledgement' });
    expect(await gateway.metric(outcome('missing'))).toBe(0);
    expect(await gateway.metric(outcome('retried'))).toBeGreaterThan(0);
  });

  test('that a newer one has replaced is not sent again', async () => {
    const gateway = await start({ limits: { acknowledgeTimeoutMs: 300 } });
    const deaf = await gateway.join(SALON, { auth: { acknowledges: true } });
    await gateway.publishEvent(connected(1));
    await deaf.showing('connected');
    await gateway.publishEvent(ownerEvent(SALON, 'logged-out', { epoch: 1, seq: 2 }));
    await waitFor(() => gateway.metric(outcome('missing', 'logged_out')), { what: 'the newer to be given up' });
    expect(await gateway.metric(outcome('missing'))).toBe(0);
    expect(deaf.states.map(({ seq }) => seq)).toEqual([1, 2, 2, 2]);
  });

  test('is no longer waited for when its browser has left', async () => {
    const gateway = await start({ limits: { acknowledgeTimeoutMs: 50 } });
    const leaving = await gateway.join(SALON, { auth: { acknowledges: true } });
    const staying = await gateway.join(SALON, { auth: { acknowledges: true } });
    await gateway.publishEvent(connected(1));
    await leaving.showing('connected');
    leaving.socket.disconnect();
    await waitFor(() => gateway.metric(outcome('missing')), { what: 'the one that stays to be given up' });
    expect(await gateway.metric(outcome('missing'))).toBe(1);
    expect(staying.disconnects).toEqual([]);
  });

  test('is acknowledged by a browser that joins after it', async () => {
    const gateway = await start();
    await gateway.publishEvent(byHand(SALON, 'connected'));
    const browser = await gateway.open(SALON, { auth: { acknowledges: true } });
    acknowledge(browser);
    await browser.connected();
    await waitFor(() => gateway.metric(outcome('acknowledged')), { what: 'the acknowledgement' });
  });
});

describe('a browser that does not read', () => {
  async function publishUntilCut(gateway: GatewayUnderTest): Promise<number> {
    let seq = 0;
    const publishBatch = async () => {
      for (let n = 0; n < 100; n += 1) {
        seq += 1;
        await gateway.publishEvent(ownerEvent(SALON, 'qr', { epoch: 1, seq }, qrFor(60_000, 'x'.repeat(4096))));
      }
      return (await gateway.metric(SLOW_READERS)) === 1;
    };
    await waitFor(publishBatch, { what: 'the connection to be cut', timeoutMs: 30_000 });
    return seq;
  }

  test('is cut off at the bound and counted, and the other tabs of its salon notice nothing', async () => {
    const gateway = await start();
    const other = await gateway.join(SALON);
    const { socket: deaf } = await stack.use(await RawTransport.open(gateway.url)).join(await signToken(SALON));
    deaf.pause();
    const closed = new Promise((resolve) => {
      deaf.once('close', resolve);
    });
    const seq = await publishUntilCut(gateway);
    deaf.resume();
    await closed;
    await gateway.publishEvent(connected(seq + 1));
    await other.showing('connected');
    expect(other.disconnects).toEqual([]);
    const shown = other.states.map((state) => state.seq ?? 0);
    expect(shown).toEqual(shown.toSorted((a, b) => a - b));
  });

  test('is cut off over polling as well, when it asks for nothing any more', async () => {
    const gateway = await start();
    const url = `${gateway.url}/socket.io/?EIO=4&transport=polling`;
    const { sid } = JSON.parse((await (await fetch(url)).text()).slice(1)) as { sid: string };
    const body = `40/marketplace,${JSON.stringify({ token: await signToken(SALON) })}`;
    await fetch(`${url}&sid=${sid}`, { method: 'POST', body });
    await waitFor(() => gateway.metric('socketio_rooms'), { what: 'the browser to be in its room' });
    await publishUntilCut(gateway);
    expect(await gateway.metric('socketio_rooms')).toBe(0);
    expect((await fetch(`${url}&sid=${sid}`)).status).toBe(400);
  });
});

describe('events that come one upon the other', () => {
  /** Publishes QRs of all lengths that a WebSocket frame writes differently, without a pause, until the condition holds. */
  async function publishUntil(gateway: GatewayUnderTest, holds: () => boolean): Promise<number> {
    let seq = 0;
    const publishBatch = async () => {
      for (let n = 0; n < 10; n += 1) {
        seq += 1;
        const text = `${seq} ${'жы😀"\\ \u2028\ud800'.repeat([0, 3, 300][seq % 3] ?? 0)}`;
        await gateway.publishEvent(ownerEvent(SALON, 'qr', { epoch: 1, seq }, qrFor(60_000, text)));
      }
      return holds();
    };
    await waitFor(publishBatch, { what: 'the condition', timeoutMs: 30_000 });
    seq += 1;
    await gateway.publishEvent(connected(seq));
    return seq;
  }

  /** Every state from the first one on, each once, followed by what says the same to old clients. */
  function expectComplete({ states, received }: TestBrowser, last: number): void {
    const first = states[0]?.seq ?? last;
    expect(states.map(({ seq }) => seq)).toEqual(Array.from({ length: last - first + 1 }, (_, n) => first + n));
    const qrs = states.flatMap(({ qr }) => (qr ? [{ qr: qr.text, expiresIn: qr.expiresIn }] : []));
    const names = received.map(({ name }) => name).filter((name) => name !== 'error' && name !== 'gateway-status');
    expect(names).toEqual([
      ...qrs.flatMap(() => ['session-state', 'qr-update']),
      'whatsapp-connected',
      'session-state',
    ]);
    expect(received.flatMap(({ name, payload }) => (name === 'qr-update' ? [payload] : []))).toEqual(qrs);
  }

  test('reach a browser that goes over from polling to WebSocket meanwhile, and one that never does', async () => {
    const gateway = await start({ limits: { maxBufferedBytes: 2 ** 26 } });
    const moving = await gateway.open(SALON, { transports: ['polling', 'websocket'] });
    const polling = await gateway.open(SALON, { transports: ['polling'] });
    const hasMoved = () => moving.socket.connected && moving.socket.io.engine.transport.name === 'websocket';
    const last = await publishUntil(gateway, () => hasMoved() && polling.socket.connected);
    for (const browser of [moving, polling]) {
      await browser.showing('connected');
      expectComplete(browser, last);
    }
  });

  test('reach a browser that acknowledges the final ones among them in their order', async () => {
    const gateway = await start();
    const browser = await gateway.open(SALON, { auth: { acknowledges: true } });
    acknowledge(browser);
    await browser.connected();
    const types = Array.from({ length: 20 }, () => ['connected', 'logged-out', 'starting', 'linked'] as const).flat();
    const events = types.map((type, index) => ownerEvent(SALON, type, { epoch: 1, seq: index + 1 }));
    // In one chunk, so that the gateway takes them one after the other before anything is through.
    for (const event of events) gateway.nats.publish(`whatsapp.events.${event.companyId}`, JSON.stringify(event));
    await waitFor(() => browser.states.at(-1)?.seq === events.length, { what: 'the last state' });
    expect(browser.states.map(({ seq }) => seq)).toEqual(events.map(({ seq }) => seq));
  });

  test('reach a browser while others of its salon break off', async () => {
    const gateway = await start({ limits: { maxBufferedBytes: 2 ** 26 } });
    const wire = stack.use(await TcpProxy.start(gateway.service.port));
    const staying = await gateway.join(SALON);
    const token = await signToken(SALON);
    const joinOne = async () => {
      const other = stack.use(await RawTransport.open(`http://127.0.0.1:${wire.port}`));
      await other.join(token);
    };
    const breakOff = async () => {
      for (let times = 0; times < 5; times += 1) {
        await Promise.all(Array.from({ length: 10 }, joinOne));
        wire.cut();
      }
    };
    let isDone = false;
    const breaking = breakOff().then(() => (isDone = true));
    const last = await publishUntil(gateway, () => isDone);
    await breaking;
    await staying.showing('connected');
    expectComplete(staying, last);
    await waitFor(async () => (await gateway.metric(WEBSOCKETS)) === 1, { what: 'the others to be gone' });
  });
});

describe('browsers are told', () => {
  const lives = (browser: TestBrowser) => browser.payloads('gateway-status').map(({ live }) => live);

  test('that NATS is away, also those that join meanwhile, and that it is back', async () => {
    const gateway = await start();
    const open = await gateway.join(SALON);
    await gateway.publishEvent(ownerEvent(SALON, 'qr', { epoch: 1, seq: 1 }, qrFor(60_000)));
    await open.showing('qr');
    await server.kill();
    await waitFor(() => lives(open).at(-1) === false, { what: 'the open tab to be told' });
    const late = await gateway.join(SALON);
    await waitFor(() => lives(late).at(-1) === false, { what: 'the late tab to be told' });
    await server.restart();
    for (const tab of [open, late]) {
      await waitFor(() => lives(tab).at(-1) === true, { what: 'a tab to be told', timeoutMs: 30_000 });
    }
    await gateway.publishEvent(connected(2));
    await Promise.all([open.showing('connected'), late.showing('connected')]);
    expect(open.disconnects).toEqual([]);
  });

  test('when their state cannot be read: live events still come, and the join recovers by itself', async () => {
    const gateway = await start({ auditRoundMs: 200, streamLookMs: 100_000 });
    const open = await gateway.join(SALON);
    const manager = await gateway.nats.jetstreamManager();
    // Another stream on the same subjects keeps the gateway from creating its own again.
    await manager.streams.delete('WHATSAPP_EVENTS');
    await manager.streams.add({ name: 'INTRUDER', subjects: ['whatsapp.events.>'] });
    const joining = await gateway.join(7);
    await waitFor(() => lives(joining).at(-1) === false, { what: 'the join to wait' });
    expect(lives(open)).toEqual([]);
    await gateway.publishEvent(connected(1));
    await open.showing('connected');
    await manager.streams.delete('INTRUDER');
    await waitFor(() => lives(joining).at(-1) === true, { what: 'the join to recover', timeoutMs: 30_000 });
    await waitFor(() => gateway.service.readiness().ready, { what: 'readiness', timeoutMs: 30_000 });
  });
});

describe('after the database and the stream were lost together', () => {
  test('events that count from epoch 1 again are shown to tabs that have seen more', async () => {
    const gateway = await start({ streamLookMs: 50 });
    const open = await gateway.join(SALON);
    await gateway.publishEvent(ownerEvent(SALON, 'disconnected', { epoch: 57, seq: 3 }));
    const before = await open.showing('disconnected');
    expect(before.stream).toBeGreaterThan(0);
    const manager = await gateway.nats.jetstreamManager();
    await manager.streams.delete('WHATSAPP_EVENTS');
    await waitFor(() => gateway.log.some(({ msg }) => String(msg).includes('another one than before')), {
      what: 'the gateway to notice',
    });
    await gateway.publishEvent(ownerEvent(SALON, 'starting', { epoch: 1, seq: 1 }));
    const after = await open.showing('starting');
    expect(after.stream).toBeGreaterThan(before.stream ?? Infinity);
    await gateway.publishEvent(ownerEvent(SALON, 'connected', { epoch: 1, seq: 2 }));
    await open.showing('connected');
    const { epoch, seq, stream } = before;
    const back = await gateway.join(SALON, { auth: { seen: { epoch, seq, stream } } });
    await back.showing('connected');
  });

  test('an owner that has lost nothing goes on: its last event published again is no news', async () => {
    const gateway = await start({ streamLookMs: 50 });
    const open = await gateway.join(SALON);
    await gateway.publishEvent(connected(3));
    await open.showing('connected');
    const manager = await gateway.nats.jetstreamManager();
    await manager.streams.delete('WHATSAPP_EVENTS');
    await waitFor(() => gateway.log.some(({ msg }) => String(msg).includes('another one than before')), {
      what: 'the gateway to notice',
    });
    await gateway.publishEvent({ ...connected(3), republished: true });
    await gateway.publishEvent(ownerEvent(SALON, 'qr', { epoch: 1, seq: 2 }, qrFor(60_000)));
    await gateway.publishEvent(ownerEvent(SALON, 'disconnected', { epoch: 1, seq: 4 }));
    await open.showing('disconnected');
    expect(open.states.map(({ state }) => state)).toEqual(['connected', 'disconnected']);
  });
});
