import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server, type Socket } from 'socket.io';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type {
  ClientToServerEvents,
  HandshakeAuth,
  ServerToClientEvents,
  SessionStatePayload,
} from '../contract/socket-events.ts';
import { MarketplaceClient, type ClientEvent, type MarketplaceClientOptions } from './marketplace-client.ts';

type GatewaySocket = Socket<ClientToServerEvents, ServerToClientEvents>;

const CONNECTED: SessionStatePayload = { state: 'connected', sessionId: 'company_962302', epoch: 2, seq: 7 };
const PATIENCE = { timeout: 15_000 };

let gateway: Server<ClientToServerEvents, ServerToClientEvents>;
let address: string;
let sockets: GatewaySocket[];
let handshakes: HandshakeAuth[];
/** Codes with which the next handshakes are refused. */
let refusals: string[];
/** What `GET /status` answers; nothing is there while it is undefined. */
let status: { readonly code: number; readonly body: unknown } | undefined;
let asked: IncomingMessage[];
let events: ClientEvent[];
let client: MarketplaceClient | undefined;

beforeEach(async () => {
  [sockets, handshakes, refusals, asked, events, status] = [[], [], [], [], [], undefined];
  const http = createServer((request, response) => {
    asked.push(request);
    response.writeHead(status?.code ?? 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(status?.body ?? {}));
  });
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
  client?.close();
  await gateway.close();
});

function open(options: Partial<MarketplaceClientOptions> = {}): MarketplaceClient {
  client = new MarketplaceClient({ address, token: 'first', longestReconnectDelayMs: 50, ...options });
  client.subscribe((event) => events.push(event));
  client.connect();
  return client;
}

async function untilKinds(...expected: ClientEvent['kind'][]): Promise<void> {
  await vi.waitFor(() => expect(events.map(({ kind }) => kind)).toEqual(expected), PATIENCE);
}

async function socketNumber(count: number): Promise<GatewaySocket> {
  return await vi.waitFor(() => {
    const socket = sockets[count - 1];
    if (socket === undefined) throw new Error(`no connection number ${count} yet`);
    return socket;
  }, PATIENCE);
}

function send(socket: GatewaySocket, payload: SessionStatePayload): Promise<void> {
  return new Promise((resolve) => socket.emit('session-state', payload, resolve));
}

function states(): string[] {
  return events.flatMap((event) => (event.kind === 'session' ? [event.payload.state] : []));
}

describe('coming back', () => {
  test('after a refusal that may pass, though Socket.IO would give up', async () => {
    refusals = ['AUTH_UNAVAILABLE', 'AUTH_UNAVAILABLE'];
    open();
    await untilKinds('opened');
    expect(handshakes).toHaveLength(3);
  });

  test('after the gateway ended the connection, though Socket.IO would give up', async () => {
    open();
    (await socketNumber(1)).disconnect();
    await untilKinds('opened', 'lost', 'opened');
  });

  test('after a cut line says what was seen and since when somebody waits by then', async () => {
    let since = 1_000;
    open({ waitingSince: () => (since += 1) });
    const socket = await socketNumber(1);
    await untilKinds('opened');
    await send(socket, { ...CONNECTED, state: 'qr' });
    socket.conn.close();
    await untilKinds('opened', 'session', 'lost', 'opened');
    expect(handshakes).toEqual([
      { token: 'first', acknowledges: true, waitingSince: 1_001 },
      { token: 'first', acknowledges: true, waitingSince: 1_002, seen: { epoch: 2, seq: 7 } },
    ]);
  });

  test('on demand drops the old connection first', async () => {
    const opened = open();
    await untilKinds('opened');
    opened.reopen();
    await untilKinds('opened', 'lost', 'opened');
  });

  test('is over once it was closed: nothing is reported or opened any more', async () => {
    const opened = open();
    const socket = await socketNumber(1);
    await untilKinds('opened');
    const left = new Promise((resolve) => socket.once('disconnect', resolve));
    opened.close();
    await left;
    opened.reopen();
    expect([opened.requestQr(), events.length, sockets.length]).toEqual([false, 1, 1]);
  });
});

describe('a refused token', () => {
  test.each([
    ['TOKEN_MISSING', 'token-missing'],
    ['TOKEN_EXPIRED', 'token-expired'],
    ['TOKEN_INVALID', 'token-invalid'],
    ['TOKEN_CLAIMS', 'token-invalid'],
  ])('with %s ends the attempts', async (code, refusal) => {
    refusals = [code];
    open();
    await untilKinds('refused');
    expect(events).toEqual([{ kind: 'refused', refusal }]);
  });

  test('that ran out during the connection ends it', async () => {
    open();
    const socket = await socketNumber(1);
    await untilKinds('opened');
    socket.emit('error', { message: 'x', code: 'TOKEN_EXPIRED' });
    await untilKinds('opened', 'refused');
  });

  test('that ran out is replaced by a fresh one where there is one', async () => {
    open({ refreshToken: () => 'second' });
    const socket = await socketNumber(1);
    await untilKinds('opened');
    socket.emit('error', { message: 'x', code: 'TOKEN_EXPIRED' });
    socket.disconnect(true);
    await untilKinds('opened', 'lost', 'opened');
    expect(handshakes.map(({ token }) => token)).toEqual(['first', 'second']);
  });

  test('that is about to run out is replaced without a reconnect', async () => {
    const endingIn = (seconds: number) =>
      `h.${Buffer.from(JSON.stringify({ exp: Date.now() / 1000 + seconds })).toString('base64url')}.s`;
    const fresh = endingIn(3_600);
    const renewals: string[] = [];
    gateway.of('/marketplace').on('connection', (socket) => {
      socket.on('refresh-token', ({ token }, acknowledge) => {
        renewals.push(token);
        acknowledge?.({ ok: true, expiresAt: 0 });
      });
    });
    open({ token: endingIn(0.2), refreshToken: () => fresh });
    await vi.waitFor(() => expect(renewals).toEqual([fresh]), PATIENCE);
    (await socketNumber(1)).conn.close();
    await socketNumber(2);
    expect(handshakes[1]?.token).toBe(fresh);
    expect(events.filter(({ kind }) => kind === 'lost')).toHaveLength(1);
  });

  test('ends the client when nobody has a fresh one', async () => {
    refusals = ['TOKEN_EXPIRED'];
    open({ refreshToken: () => undefined });
    await untilKinds('refused');
  });

  test('is asked about again when the one who makes tokens was out of reach', async () => {
    refusals = ['TOKEN_EXPIRED', 'TOKEN_EXPIRED'];
    let asks = 0;
    open({
      refreshToken: async () => {
        asks += 1;
        if (asks === 1) throw new TypeError('failed to fetch');
        return 'second';
      },
    });
    await untilKinds('opened');
    expect(handshakes.map(({ token }) => token)).toEqual(['first', 'first', 'second']);
  });

  test('that is invalid is not asked about: a fresh one would be the same', async () => {
    refusals = ['TOKEN_INVALID'];
    open({ refreshToken: () => 'second' });
    await untilKinds('refused');
  });
});

describe('states', () => {
  test('are acknowledged after they were handed over', async () => {
    open();
    await send(await socketNumber(1), CONNECTED);
    expect(events.at(-1)).toMatchObject({ kind: 'session', payload: CONNECTED, via: 'socket' });
  });

  test('older than one handed over are acknowledged and dropped, also after a reconnect', async () => {
    open();
    const socket = await socketNumber(1);
    await send(socket, CONNECTED);
    await send(socket, { ...CONNECTED, state: 'qr', seq: 6 });
    socket.conn.close();
    const next = await socketNumber(2);
    await send(next, { ...CONNECTED, state: 'starting', epoch: 1, seq: 99 });
    await send(next, CONNECTED);
    expect(states()).toEqual(['connected', 'connected']);
  });

  test('may be outdated while the gateway says so', async () => {
    open();
    const socket = await socketNumber(1);
    socket.emit('gateway-status', { live: false });
    socket.emit('gateway-status', { live: true });
    await untilKinds('opened', 'live', 'live');
    expect(events.slice(1)).toEqual([
      { kind: 'live', isLive: false },
      { kind: 'live', isLive: true },
    ]);
  });

  test('reach every subscriber until it unsubscribes', async () => {
    const opened = open();
    const others: string[] = [];
    const unsubscribe = opened.subscribe(({ kind }) => others.push(kind));
    const socket = await socketNumber(1);
    await send(socket, CONNECTED);
    unsubscribe();
    await send(socket, CONNECTED);
    expect([others, states().length]).toEqual([['opened', 'session'], 2]);
  });
});

describe('while the socket does not come up', () => {
  const offline = { pollAfterMs: 1, pollEveryMs: 5 };

  test('the state comes from the status, with the token as bearer, until the socket is there', async () => {
    refusals = Array.from({ length: 8 }, () => 'AUTH_UNAVAILABLE');
    status = { code: 200, body: { connected: true, state: 'connected', phone: '79990000001' } };
    open(offline);
    await vi.waitFor(() => expect(states()).toContain('connected'), PATIENCE);
    expect(events.find(({ kind }) => kind === 'session')).toMatchObject({
      via: 'poll',
      payload: { state: 'connected', phone: '79990000001' },
    });
    expect(asked[0]?.headers.authorization).toBe('Bearer first');
    await vi.waitFor(() => expect(events.at(-1)).toEqual({ kind: 'opened' }), PATIENCE);
  });

  test('a state of the status that is older than what was seen is dropped', async () => {
    open({ ...offline, longestReconnectDelayMs: 500 });
    const socket = await socketNumber(1);
    await send(socket, { ...CONNECTED, state: 'logged-out', seq: 9 });
    status = { code: 200, body: { state: 'connected', phone: null, epoch: 2, seq: 8 } };
    refusals = Array.from({ length: 20 }, () => 'AUTH_UNAVAILABLE');
    socket.conn.close();
    await vi.waitFor(() => expect(asked.length).toBeGreaterThan(2), PATIENCE);
    expect(states()).toEqual(['logged-out']);
  });

  test('an expired token is noticed by the status as well', async () => {
    refusals = Array.from({ length: 1000 }, () => 'AUTH_UNAVAILABLE');
    status = { code: 401, body: { error: { code: 'TOKEN_EXPIRED', message: 'x' } } };
    open(offline);
    await vi.waitFor(() => expect(events.at(-1)).toEqual({ kind: 'refused', refusal: 'token-expired' }), PATIENCE);
  });

  test.each([
    ['an unavailable state', { code: 503, body: { error: { code: 'STATE_UNAVAILABLE' } } }],
    ['a proxy that answers in its place', { code: 200, body: '<html>' }],
    ['a company that was never heard of', { code: 200, body: { connected: false, state: null, phone: null } }],
    ['a state that does not exist', { code: 200, body: { state: 'levitating' } }],
  ])('%s changes nothing and is asked again', async (_case, answer) => {
    refusals = Array.from({ length: 1000 }, () => 'AUTH_UNAVAILABLE');
    status = answer;
    open(offline);
    await vi.waitFor(() => expect(asked.length).toBeGreaterThan(2), PATIENCE);
    expect(events).toEqual([]);
  });
});

describe('requests', () => {
  test('reach the gateway', async () => {
    const opened = open();
    const socket = await socketNumber(1);
    await untilKinds('opened');
    const got: unknown[] = [];
    socket.on('request-qr', () => got.push('qr'));
    socket.on('request-pairing-code', (payload) => got.push(payload));
    expect([opened.requestQr(), opened.requestPairingCode('+7 999 000-00-01')]).toEqual([true, true]);
    await vi.waitFor(() => expect(got).toEqual(['qr', { phoneNumber: '+7 999 000-00-01' }]), PATIENCE);
  });

  test('made without a socket are refused and not sent later', async () => {
    refusals = ['AUTH_UNAVAILABLE'];
    const opened = open();
    expect([opened.requestQr(), opened.requestPairingCode('79990000001')]).toEqual([false, false]);
    const socket = await socketNumber(1);
    const got: unknown[] = [];
    socket.onAny((name) => got.push(name));
    await untilKinds('opened');
    opened.requestQr();
    await vi.waitFor(() => expect(got).toEqual(['request-qr']), PATIENCE);
  });

  test('that fail are told as problems, unless the error only repeats a state for older clients', async () => {
    open();
    const socket = await socketNumber(1);
    socket.emit('error', { message: 'x', code: 'passkey-required' });
    socket.emit('error', { message: 'x', code: 'NO_RESPONDER' });
    socket.emit('error', { message: 'x', code: 'CREDENTIALS_UNREADABLE' });
    socket.emit('error', { message: 'x' });
    socket.emit('error', { message: 'x', code: 'TOO_MANY_REQUESTS' });
    socket.emit('pairing-code-error', { message: 'x', code: 'REQUEST_IN_PROGRESS' });
    await untilKinds('opened', 'problem', 'problem', 'problem', 'problem', 'code-refused');
    expect(events.slice(1)).toEqual([
      { kind: 'problem', problem: { kind: 'silent', code: 'NO_RESPONDER' } },
      { kind: 'problem', problem: { kind: 'refused', code: 'CREDENTIALS_UNREADABLE' } },
      { kind: 'problem', problem: { kind: 'silent', code: undefined } },
      { kind: 'problem', problem: { kind: 'limited', code: 'TOO_MANY_REQUESTS' } },
      { kind: 'code-refused', code: 'REQUEST_IN_PROGRESS' },
    ]);
  });
});
