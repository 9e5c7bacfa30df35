import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { serveClock } from '../../../shared/bus/clock-offset.ts';
import { serveAssignments } from '../../../shared/bus/commands.ts';
import { BusConnection } from '../../../shared/bus/connection.ts';
import { startNatsServer, type NatsServer } from '../../../test/harness/nats-server.ts';
import { GatewayUnderTest, ownerEvent, qrFor } from '../../../test/harness/socket-gateway.ts';
import { waitFor } from '../../../test/harness/wait-for.ts';

const KNOWN_CLOCK = 'clock_offset_seconds{peer="whatsapp"}';

let server: NatsServer;
let stack: AsyncDisposableStack;

beforeAll(async () => {
  server = await startNatsServer();
});

afterEach(() => stack?.disposeAsync());
afterAll(() => server?.stop());

async function start(): Promise<GatewayUnderTest> {
  stack = new AsyncDisposableStack();
  return stack.use(await GatewayUnderTest.start(server.url, { expiryGraceMs: 50 }));
}

async function connectOwner(): Promise<BusConnection> {
  return stack.use(await BusConnection.connect({ servers: [server.url], name: 'whatsapp' }));
}

/** Each test has a company of its own. */
let salon = 962_301;
const epoch = 1;

/** A QR made `agoMs` ago by a clock that is `aheadMs` ahead. */
function qrEvent(seq: number, { ttlMs, agoMs = 0, aheadMs = 0 }: { ttlMs: number; agoMs?: number; aheadMs?: number }) {
  const madeAt = Date.now() - agoMs + aheadMs;
  const qr = { text: `2@${seq}`, expiresAt: madeAt + ttlMs, ttlMs };
  return ownerEvent(salon, 'qr', { epoch, seq }, { timestamp: madeAt, qr });
}

describe('a live QR', () => {
  test('vanishes from the page when its time is up, although its owner says nothing more', async () => {
    salon += 1;
    const gateway = await start();
    const browser = await gateway.join(salon);
    await gateway.publishEvent(qrEvent(1, { ttlMs: 300 }));
    await browser.showing('qr');
    const shown = await browser.showing('starting');
    expect(shown).toMatchObject({ epoch, seq: 1 });
    expect(shown).not.toHaveProperty('qr');
    const late = await gateway.join(salon);
    await late.showing('starting');
    expect(late.payloads('qr-update')).toEqual([]);
  });

  test('lives its full time from receipt although the clock of its owner is an hour behind', async () => {
    salon += 1;
    const gateway = await start();
    const browser = await gateway.join(salon);
    await gateway.publishEvent(qrEvent(1, { ttlMs: 60_000, aheadMs: -3_600_000 }));
    expect(await browser.got('qr-update')).toMatchObject({ expiresIn: 60 });
  });

  test('that lives longer than a timer can wait is shown once', async () => {
    salon += 1;
    const gateway = await start();
    const browser = await gateway.join(salon);
    await gateway.publishEvent(qrEvent(1, { ttlMs: 2 ** 31 }));
    await gateway.publishEvent(qrEvent(2, { ttlMs: Number.MAX_SAFE_INTEGER }));
    await browser.got('qr-update', 2);
    await gateway.publishEvent(ownerEvent(salon + 500, 'linked', { epoch, seq: 1 }));
    const marker = await gateway.join(salon + 500);
    await marker.showing('linked');
    expect(browser.payloads('qr-update')).toHaveLength(2);
  });

  test('that the next one follows is not missed on the page', async () => {
    salon += 1;
    const gateway = await start();
    const browser = await gateway.join(salon);
    await gateway.publishEvent(qrEvent(1, { ttlMs: 200 }));
    await gateway.publishEvent(qrEvent(2, { ttlMs: 60_000 }));
    await browser.got('qr-update', 2);
    await gateway.publishEvent(ownerEvent(salon, 'linked', { epoch, seq: 3 }));
    await browser.showing('linked');
    expect(browser.states.map(({ state }) => state)).not.toContain('starting');
  });
});

describe('a QR from the stream', () => {
  test('that has expired is never shown', async () => {
    salon += 1;
    const gateway = await start();
    stack.use(serveClock(await connectOwner()));
    await waitFor(async () => (await gateway.metrics()).includes(KNOWN_CLOCK), { what: 'the clock to be measured' });
    await gateway.publishEvent(qrEvent(1, { ttlMs: 20_000, agoMs: 21_000 }));
    const browser = await gateway.join(salon);
    await browser.showing('starting');
    expect(browser.payloads('qr-update')).toEqual([]);
  });

  test('is shown for the rest of its time by the clock of its owner', async () => {
    salon += 1;
    const gateway = await start();
    stack.use(serveClock(await connectOwner(), () => Date.now() + 3_600_000));
    await waitFor(async () => (await gateway.metrics()).includes(KNOWN_CLOCK), { what: 'the clock to be measured' });
    await gateway.publishEvent(qrEvent(1, { ttlMs: 60_000, agoMs: 30_000, aheadMs: 3_600_000 }));
    const browser = await gateway.join(salon);
    const { expiresIn } = await browser.got('qr-update');
    expect(expiresIn).toBeGreaterThanOrEqual(25);
    expect(expiresIn).toBeLessThanOrEqual(30);
  });

  test('of unknown age is not shown until its owner was asked', async () => {
    salon += 1;
    const gateway = await start();
    await gateway.publishEvent(qrEvent(1, { ttlMs: 60_000, agoMs: 10_000 }));
    const browser = await gateway.join(salon);
    await browser.showing('starting');
    expect(browser.payloads('qr-update')).toEqual([]);
    const fresh = ownerEvent(salon, 'qr', { epoch, seq: 1 }, qrFor(50_000, '2@asked'));
    stack.use(serveAssignments(await connectOwner(), () => Promise.resolve({ ok: true, event: fresh })));
    expect(await browser.got('qr-update')).toMatchObject({ qr: '2@asked' });
  });
});

test('after an expiry without a successor the owner is asked, and his answer is shown to everybody', async () => {
  salon += 1;
  const gateway = await start();
  const asked: string[] = [];
  const next = () => ownerEvent(salon, 'qr', { epoch, seq: 2 }, qrFor(60_000, '2@next'));
  stack.use(
    serveAssignments(await connectOwner(), (command) => {
      asked.push(command.name);
      return Promise.resolve(asked.length <= 2 ? { ok: true } : { ok: true, event: next() });
    }),
  );
  const tabs = [await gateway.join(salon), await gateway.join(salon)];
  await waitFor(() => asked.length === 2, { what: 'both tabs to ask' });
  await gateway.publishEvent(qrEvent(1, { ttlMs: 200 }));
  for (const tab of tabs) await waitFor(() => tab.states.at(-1)?.qr?.text === '2@next', { what: 'the next QR' });
});
