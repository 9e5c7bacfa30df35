import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { serveAssignments } from '../../../shared/bus/commands.ts';
import { BusConnection } from '../../../shared/bus/connection.ts';
import { signalLeases } from '../../../shared/bus/lease-signal.ts';
import { startNatsServer, type NatsServer } from '../../../test/harness/nats-server.ts';
import { GatewayUnderTest, byHand, ownerEvent, qrFor } from '../../../test/harness/socket-gateway.ts';
import { waitFor } from '../../../test/harness/wait-for.ts';

const [UNLINKED, LINKED, LOAD] = [962_302, 962_303, 9_100_000_001];

let server: NatsServer;
let stack: AsyncDisposableStack;

beforeAll(async () => {
  server = await startNatsServer();
});

afterEach(() => stack?.disposeAsync());
afterAll(() => server?.stop());

test('the owner of an unlinked session hears at intervals that somebody looks at it, and no other one does', async () => {
  stack = new AsyncDisposableStack();
  const owner = stack.use(await BusConnection.connect({ servers: [server.url], name: 'whatsapp' }));
  const watched: string[] = [];
  stack.use(
    serveAssignments(owner, ({ name, companyId }) => {
      if (name === 'watch') watched.push(companyId);
      return Promise.resolve({ ok: true });
    }),
  );
  const gateway = stack.use(await GatewayUnderTest.start(server.url, { watchIntervalMs: 30 }));
  await gateway.publishEvent(ownerEvent(UNLINKED, 'qr', { epoch: 1, seq: 1 }, qrFor(60_000)));
  await gateway.publishEvent(byHand(LINKED, 'connected'));
  const linked = await gateway.join(LINKED);
  await linked.showing('connected');
  watched.length = 0;
  await gateway.join(LOAD);
  const unlinked = await gateway.join(UNLINKED);
  await waitFor(() => watched.length >= 3, { what: 'three rounds' });
  expect(new Set(watched)).toEqual(new Set([`company_${UNLINKED}`]));

  unlinked.socket.disconnect();
  await waitFor(async () => (await gateway.metric('socketio_rooms')) === 2, { what: 'the room to be empty' });
  const before = watched.length;
  await gateway.publishEvent(byHand(LINKED, 'disconnected'));
  await linked.showing('disconnected');
  // At most the round that was under way.
  expect(watched.length).toBeLessThanOrEqual(before + 1);
});

/** A WhatsApp replica that holds nothing until it is asked to start a session; answers what it was asked. */
function reviveOwner(owner: BusConnection): string[] {
  const asked: string[] = [];
  const fresh = ownerEvent(UNLINKED, 'qr', { epoch: 2, seq: 1 }, qrFor(60_000, '2@fresh'));
  stack.use(
    serveAssignments(owner, ({ name }) => {
      asked.push(name);
      return Promise.resolve(name === 'start' ? { ok: true, event: fresh } : { ok: true });
    }),
  );
  return asked;
}

test('a QR whose owner died is replaced as soon as another one is there, long before it expires', async () => {
  stack = new AsyncDisposableStack();
  const owner = stack.use(await BusConnection.connect({ servers: [server.url], name: 'whatsapp' }));
  const gateway = stack.use(await GatewayUnderTest.start(server.url, { watchIntervalMs: 600_000 }));
  const browser = await gateway.join(UNLINKED);
  await gateway.publishEvent(ownerEvent(UNLINKED, 'qr', { epoch: 1, seq: 2 }, qrFor(60_000, '2@dead')));
  await browser.showing('qr');
  reviveOwner(owner);
  signalLeases(owner);
  await waitFor(() => browser.payloads('qr-update').some(({ qr }) => qr === '2@fresh'), { what: 'the fresh QR' });
});

test('an expired QR leads to its owner even while the room is compared with the stream all the time', async () => {
  stack = new AsyncDisposableStack();
  const owner = stack.use(await BusConnection.connect({ servers: [server.url], name: 'whatsapp' }));
  const gateway = stack.use(
    await GatewayUnderTest.start(server.url, { watchIntervalMs: 600_000, auditRoundMs: 20, expiryGraceMs: 300 }),
  );
  const browser = await gateway.join(UNLINKED);
  await gateway.publishEvent(ownerEvent(UNLINKED, 'qr', { epoch: 1, seq: 3 }, qrFor(500, '2@short')));
  await browser.showing('qr');
  const asked = reviveOwner(owner);
  await waitFor(() => browser.payloads('qr-update').some(({ qr }) => qr === '2@fresh'), { what: 'the fresh QR' });
  expect(asked).toContain('start');
});
