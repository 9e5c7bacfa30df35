import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { startNatsServer, type NatsServer } from '../../test/harness/nats-server.ts';
import { GatewayUnderTest, ownerEvent, qrFor, signToken } from '../../test/harness/socket-gateway.ts';
import { waitFor } from '../../test/harness/wait-for.ts';
import { MarketplaceClient, type ClientEvent, type MarketplaceClientOptions } from './marketplace-client.ts';

const SALON = 962_302;
const PHONE = '79990000001';

let nats: NatsServer;
let stack: AsyncDisposableStack;
let events: ClientEvent[];
let salon = SALON;

beforeAll(async () => {
  nats = await startNatsServer();
});

afterAll(() => nats.stop());

beforeEach(() => {
  stack = new AsyncDisposableStack();
  events = [];
  salon += 1;
});

afterEach(() => stack.disposeAsync());

async function startGateway(env: Readonly<Record<string, string>> = {}): Promise<GatewayUnderTest> {
  return stack.use(await GatewayUnderTest.start(nats.url, { env }));
}

async function connect({ url }: GatewayUnderTest, options: Partial<MarketplaceClientOptions> = {}) {
  const client = new MarketplaceClient({
    address: url,
    token: await signToken(salon),
    longestReconnectDelayMs: 100,
    ...options,
  });
  stack.use(client);
  client.subscribe((event) => events.push(event));
  client.connect();
  return client;
}

const states = () =>
  events.flatMap((event) => (event.kind === 'session' ? [`${event.via} ${event.payload.state}`] : []));
const kinds = () => events.map(({ kind }) => kind);

async function until(state: string): Promise<void> {
  await waitFor(() => states().at(-1) === state, { what: `${state} after ${states().join()}`, timeoutMs: 30_000 });
}

test('a client gets what was before it came and what comes after, and asks for codes', async () => {
  const gateway = await startGateway();
  await gateway.publishEvent(ownerEvent(salon, 'qr', { epoch: 1, seq: 1 }, qrFor(60_000)));
  const client = await connect(gateway);
  await until('socket qr');
  expect(client.requestPairingCode('12345')).toBe(true);
  await waitFor(() => events.some((event) => event.kind === 'code-refused' && event.code === 'INVALID_PHONE_FORMAT'), {
    what: 'the refusal of the number',
  });
  await gateway.publishEvent(ownerEvent(salon, 'connected', { epoch: 1, seq: 2 }));
  await until('socket connected');
});

test('a client comes back to a gateway that was started again, and goes on from what it saw', async () => {
  const first = await startGateway();
  await first.publishEvent(ownerEvent(salon, 'linked', { epoch: 1, seq: 1 }));
  await connect(first);
  await until('socket linked');
  const port = String(first.service.port);
  await first.service.stop();
  await waitFor(() => kinds().includes('lost'), { what: 'the loss' });
  await first.publishEvent(ownerEvent(salon, 'connected', { epoch: 1, seq: 2 }));
  await startGateway({ SOCKET_HTTP_PORT: port });
  await until('socket connected');
  expect(states().filter((state) => state.endsWith('linked'))).toHaveLength(1);
});

test('a client whose token is renewed in time outlives the first one without leaving', async () => {
  const gateway = await startGateway();
  const endsAt = Math.ceil(Date.now() / 1000) + 3;
  const fresh = await signToken(salon);
  await connect(gateway, { token: await signToken(salon, endsAt), refreshToken: () => fresh });
  await waitFor(() => Date.now() > endsAt * 1000 + 1_000, { what: 'the end of the first token' });
  await gateway.publishEvent(ownerEvent(salon, 'connected', { epoch: 1, seq: 1 }));
  await until('socket connected');
  expect(kinds()).not.toContain('lost');
});

test('a client that is kept out for a while learns of the connect from the status', async () => {
  const gateway = await startGateway({ CONNECTIONS_PER_MINUTE: '1' });
  await gateway.join(salon + 1_000);
  await gateway.publishEvent(ownerEvent(salon, 'connected', { epoch: 1, seq: 1 }, { phoneNumber: PHONE }));
  await connect(gateway, { pollAfterMs: 10, pollEveryMs: 50 });
  await until('poll connected');
  expect(kinds()).not.toContain('opened');
});

test('a client with an expired token is refused, and gets nothing', async () => {
  const gateway = await startGateway();
  await gateway.publishEvent(ownerEvent(salon, 'connected', { epoch: 1, seq: 1 }));
  await connect(gateway, { token: await signToken(salon, Math.floor(Date.now() / 1000) - 10) });
  await waitFor(() => events.length > 0, { what: 'the refusal' });
  expect(events).toEqual([{ kind: 'refused', refusal: 'token-expired' }]);
});
