import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server, type Socket } from 'socket.io';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type {
  ClientToServerEvents,
  HandshakeAuth,
  ServerToClientEvents,
  SessionStatePayload,
} from '../../../shared/contract/socket-events.ts';
import { GatewayConnection } from './gateway-connection.ts';
import type { OnboardingEvent } from './onboarding-model.ts';

type GatewaySocket = Socket<ClientToServerEvents, ServerToClientEvents>;

const CONNECTED: SessionStatePayload = { state: 'connected', sessionId: 'company_962302', epoch: 2, seq: 7 };

let gateway: Server<ClientToServerEvents, ServerToClientEvents>;
let address: string;
let sockets: GatewaySocket[];
let handshakes: HandshakeAuth[];
/** Codes with which the next handshakes are refused. */
let refusals: string[];
let events: OnboardingEvent[];
let connection: GatewayConnection | undefined;
let seen: HandshakeAuth['seen'];

beforeEach(async () => {
  [sockets, handshakes, refusals, events, seen] = [[], [], [], [], undefined];
  const http = createServer();
  gateway = new Server(http);
  gateway.of('/marketplace').use((socket, next) => {
    handshakes.push(socket.handshake.auth);
    const code = refusals.shift();
    next(code === undefined ? undefined : Object.assign(new Error('refused'), { data: { code } }));
  });
  gateway.of('/marketplace').on('connection', (socket) => sockets.push(socket));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
});

afterEach(async () => {
  connection?.close();
  await gateway.close();
});

function open(): GatewayConnection {
  connection = new GatewayConnection({
    address,
    longestReconnectDelayMs: 50,
    auth: () => ({ token: 't', acknowledges: true, ...(seen && { seen }) }),
    onEvent: (event) => events.push(event),
  });
  return connection;
}

const kinds = () => events.map(({ kind }) => kind);

async function untilKinds(...expected: OnboardingEvent['kind'][]): Promise<void> {
  await vi.waitFor(() => expect(kinds()).toEqual(expected), { timeout: 10_000 });
}

async function socketNumber(count: number): Promise<GatewaySocket> {
  return await vi.waitFor(
    () => {
      const socket = sockets[count - 1];
      if (socket === undefined) throw new Error(`no connection number ${count} yet`);
      return socket;
    },
    { timeout: 10_000 },
  );
}

test.each([
  ['TOKEN_EXPIRED', 'link-expired'],
  ['TOKEN_INVALID', 'link-invalid'],
])('a refusal with %s ends the attempts', async (code, refusal) => {
  refusals = [code];
  open();
  await untilKinds('refused');
  expect(events).toEqual([{ kind: 'refused', refusal }]);
});

test('a refusal that may pass is followed by a new attempt, though Socket.IO would give up', async () => {
  refusals = ['AUTH_UNAVAILABLE', 'AUTH_UNAVAILABLE'];
  open();
  await untilKinds('opened');
  expect(handshakes).toHaveLength(3);
});

test('a connection that the gateway ended is opened again, though Socket.IO would give up', async () => {
  open();
  (await socketNumber(1)).disconnect();
  await untilKinds('opened', 'lost', 'opened');
});

test('a token that ran out during the connection ends in a refusal', async () => {
  open();
  const socket = await socketNumber(1);
  refusals = ['TOKEN_EXPIRED'];
  socket.disconnect(true);
  await untilKinds('opened', 'lost', 'refused');
});

test('a cut line is announced as lost and the next handshake says what was seen by then', async () => {
  open();
  const socket = await socketNumber(1);
  await untilKinds('opened');
  seen = { epoch: 2, seq: 7 };
  socket.conn.close();
  await untilKinds('opened', 'lost', 'opened');
  expect(handshakes.map((auth) => auth.seen)).toEqual([undefined, { epoch: 2, seq: 7 }]);
});

test('a reopened connection drops the old one first', async () => {
  const opened = open();
  await untilKinds('opened');
  opened.reopen();
  await untilKinds('opened', 'lost', 'opened');
});

test('states are acknowledged after they were handed over', async () => {
  open();
  const socket = await socketNumber(1);
  await new Promise<void>((resolve) => socket.emit('session-state', CONNECTED, resolve));
  expect(events.at(-1)).toMatchObject({ kind: 'session', payload: CONNECTED });
});

test('an error is a problem, unless it only repeats a state for older clients', async () => {
  open();
  const socket = await socketNumber(1);
  socket.emit('error', { message: 'x', code: 'passkey-required' });
  socket.emit('error', { message: 'x', code: 'NO_RESPONDER' });
  socket.emit('error', { message: 'x', code: 'CREDENTIALS_UNREADABLE' });
  socket.emit('error', { message: 'x' });
  await untilKinds('opened', 'problem', 'problem', 'problem');
  expect(events.slice(1)).toEqual([
    { kind: 'problem', problem: { kind: 'silent', code: 'NO_RESPONDER' } },
    { kind: 'problem', problem: { kind: 'refused', code: 'CREDENTIALS_UNREADABLE' } },
    { kind: 'problem', problem: { kind: 'silent', code: undefined } },
  ]);
});

test('a request for a QR reaches the gateway', async () => {
  const opened = open();
  const socket = await socketNumber(1);
  const asked = new Promise<void>((resolve) => socket.once('request-qr', resolve));
  opened.requestQr();
  await asked;
});
