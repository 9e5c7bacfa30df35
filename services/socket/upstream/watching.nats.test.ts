import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { serveAssignments } from '../../../shared/bus/commands.ts';
import { BusConnection } from '../../../shared/bus/connection.ts';
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
