import { SignJWT } from 'jose';
import { connect as connectNats } from 'nats';
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { parseCompanyId } from '../../shared/contract/company-id.ts';
import { LinkingSystem, TEST_PHONES } from '../harness/linking-system.ts';
import { GatewayUnderTest, JWT_SECRET } from '../harness/socket-gateway.ts';
import { waitFor } from '../harness/wait-for.ts';

/**
 * A marketplace client of before, written from its contract alone: it knows the namespace, its token, two requests and five
 * answers, and nothing of what the gateway has learned since.
 */
class LegacyClient implements Disposable {
  readonly #socket: Socket;
  readonly #heard: { readonly event: string; readonly payload: unknown }[] = [];
  disconnects = 0;

  constructor(url: string, options: Partial<ManagerOptions & SocketOptions>) {
    this.#socket = io(`${url}/marketplace`, { forceNew: true, reconnectionDelay: 100, ...options });
    for (const event of ['qr-update', 'pairing-code', 'pairing-code-error', 'whatsapp-connected', 'error']) {
      this.#socket.on(event, (payload: unknown) => this.#heard.push({ event, payload }));
    }
    this.#socket.on('disconnect', () => {
      this.disconnects += 1;
    });
  }

  requestQr(): void {
    this.#socket.emit('request-qr');
  }

  requestPairingCode(phoneNumber?: string): void {
    this.#socket.emit('request-pairing-code', { phoneNumber });
  }

  all(event: string): readonly Readonly<Record<string, unknown>>[] {
    return this.#heard.filter((each) => each.event === event).map(({ payload }) => payload as Record<string, unknown>);
  }

  /** The first, second, … payload of the event. */
  hears(event: string, count = 1): Promise<Readonly<Record<string, unknown>>> {
    return waitFor(() => this.all(event)[count - 1], { what: `${event} number ${count}`, timeoutMs: 30_000 });
  }

  [Symbol.dispose](): void {
    this.#socket.disconnect();
  }
}

let system: LinkingSystem;
let gateway: GatewayUnderTest;
const clients: LegacyClient[] = [];

/** Each test has a salon and a phone of its own. */
let used = 0;
let salon = 0;
let phone = '';

beforeAll(async () => {
  system = await LinkingSystem.start();
  gateway = await GatewayUnderTest.start(system.nats.url);
});

afterEach(() => {
  for (const client of clients.splice(0)) client[Symbol.dispose]();
});

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await system?.[Symbol.asyncDispose]();
});

function nextSalon(): void {
  phone = TEST_PHONES[used] ?? '';
  used += 1;
  salon = 962_301 + used;
}

/** As the marketplace signs it. */
function token(): Promise<string> {
  const expiresAt = Math.floor(Date.now() / 1000) + 3600;
  return new SignJWT({ company_id: 17, salon_id: salon })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime(expiresAt)
    .sign(Buffer.from(JWT_SECRET));
}

async function open(options?: Partial<ManagerOptions & SocketOptions>): Promise<LegacyClient> {
  const client = new LegacyClient(gateway.url, options ?? { auth: { token: await token() } });
  clients.push(client);
  return client;
}

const connected = (message: string) => ({ success: true, phone, sessionId: `company_${salon}`, message });

describe('a client that knows the old contract alone', () => {
  test('is shown a QR, and its scan, on every one of its tabs; a tab opened later is told that it already was', async () => {
    nextSalon();
    const tabs = [await open(), await open()];
    const { qr, expiresIn } = await (tabs[0] as LegacyClient).hears('qr-update');
    expect(expiresIn).toBeGreaterThan(0);
    await system.simulator.phones.scan(phone, String(qr));
    for (const tab of tabs) {
      expect(await tab.hears('whatsapp-connected')).toEqual(connected('WhatsApp успешно подключен!'));
    }
    const later = await open();
    expect(await later.hears('whatsapp-connected')).toEqual(connected('WhatsApp уже подключен!'));
    expect(later.all('qr-update')).toEqual([]);
    expect(tabs.map(({ disconnects }) => disconnects)).toEqual([0, 0]);
  });

  test('is answered another QR when it asks', async () => {
    nextSalon();
    const client = await open();
    await client.hears('qr-update');
    const before = client.all('qr-update').length;
    client.requestQr();
    expect(await client.hears('qr-update', before + 1)).toEqual({
      qr: expect.any(String) as string,
      expiresIn: expect.any(Number) as number,
    });
  });

  test('links by a pairing code, for a number in any punctuation', async () => {
    nextSalon();
    const client = await open();
    await client.hears('qr-update');
    client.requestPairingCode(`+7 (${phone.slice(1, 4)}) ${phone.slice(4, 7)}-${phone.slice(7)}`);
    const { code, phoneNumber, expiresIn } = await client.hears('pairing-code');
    expect([phoneNumber, String(code).length]).toEqual([phone, 8]);
    expect(expiresIn).toBeLessThanOrEqual(50);
    expect(client.all('whatsapp-connected')).toEqual([]);
    await system.simulator.phones.enterCode(phone, String(code));
    expect(await client.hears('whatsapp-connected')).toEqual(connected('WhatsApp успешно подключен!'));
  });

  test.each([
    [undefined, 'PHONE_REQUIRED'],
    ['', 'PHONE_REQUIRED'],
    ['12', 'INVALID_PHONE_FORMAT'],
    ['seven', 'INVALID_PHONE_FORMAT'],
  ])('is told why %j is no number for a pairing code', async (number, code) => {
    nextSalon();
    const client = await open();
    await client.hears('qr-update');
    client.requestPairingCode(number);
    expect(await client.hears('pairing-code-error')).toEqual({ message: expect.any(String) as string, code });
  });

  test.each([
    ['in the header', (value: string) => ({ extraHeaders: { authorization: `Bearer ${value}` } })],
    ['in auth', (value: string) => ({ auth: { token: value } })],
    ['in the query', (value: string) => ({ query: { token: value } })],
  ])('brings its token %s, over polling as over WebSocket', async (_title, place) => {
    nextSalon();
    for (const transports of [['polling'], ['websocket']]) {
      const client = await open({ ...place(await token()), transports });
      await client.hears('qr-update');
    }
  });

  test('sees what an operator publishes by hand with nothing but a NATS client', async () => {
    nextSalon();
    const client = await open();
    await client.hears('qr-update');
    const nats = await connectNats({ servers: system.nats.url });
    const event = {
      type: 'connected',
      companyId: `company_${salon}`,
      phoneNumber: phone,
      timestamp: 1_764_870_000_000,
    };
    nats.publish(`whatsapp.events.company_${salon}`, JSON.stringify(event));
    await nats.drain();
    expect(await client.hears('whatsapp-connected')).toEqual(connected('WhatsApp успешно подключен!'));
  });

  test('comes back by itself after a restart of the gateway, to the state of then', async () => {
    nextSalon();
    const client = await open();
    const { qr } = await client.hears('qr-update');
    const { port } = gateway.service;
    await gateway[Symbol.asyncDispose]();
    await system.simulator.phones.scan(phone, String(qr));
    await waitFor(async () => (await system.stored(parseCompanyId(salon)))?.type === 'connected', {
      what: 'the connect to be stored',
      timeoutMs: 30_000,
    });
    gateway = await GatewayUnderTest.start(system.nats.url, { env: { SOCKET_HTTP_PORT: String(port) } });
    expect(await client.hears('whatsapp-connected')).toEqual(connected('WhatsApp уже подключен!'));
    expect(client.disconnects).toBe(1);
  });
});
