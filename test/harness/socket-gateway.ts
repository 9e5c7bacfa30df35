import { SignJWT } from 'jose';
import { connect as connectNats, headers as natsHeaders, type NatsConnection } from 'nats';
import pino from 'pino';
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import { toConfig, type SocketConfig } from '../../services/socket/config.ts';
import { startSocketService, type SocketOverrides, type SocketService } from '../../services/socket/service.ts';
import { parseCompanyId, type CompanyId } from '../../shared/contract/company-id.ts';
import type { EventType, SessionEvent } from '../../shared/contract/events.ts';
import { eventId, type Position } from '../../shared/contract/position.ts';
import { MARKETPLACE_NAMESPACE, type SessionStatePayload } from '../../shared/contract/socket-events.ts';
import { eventsSubject } from '../../shared/contract/subjects.ts';
import { waitFor } from './wait-for.ts';

export const JWT_SECRET = 'a secret for tests of at least 32 bytes';

/** A token as the marketplace signs it. `expiresAt` is in s since the epoch; an hour from now unless told. */
export function signToken(salonId: string | number, expiresAt: number | string = '1h'): Promise<string> {
  return new SignJWT({ salon_id: salonId, company_id: 1, jti: crypto.randomUUID() })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime(expiresAt)
    .sign(Buffer.from(JWT_SECRET));
}

/** A real browser-side Socket.IO client that writes down everything it is sent. */
export class TestBrowser implements Disposable {
  readonly socket: Socket;
  /** Every emit in order of arrival. */
  readonly received: { readonly name: string; readonly payload: unknown }[] = [];
  readonly refusals: (Error & { data?: { code?: string } })[] = [];
  readonly disconnects: string[] = [];

  constructor(url: string, options: Partial<ManagerOptions & SocketOptions>) {
    this.socket = io(`${url}${MARKETPLACE_NAMESPACE}`, { transports: ['websocket'], forceNew: true, ...options });
    this.socket.onAny((name: string, payload: unknown) => this.received.push({ name, payload }));
    this.socket.on('connect_error', (error) => this.refusals.push(error));
    this.socket.on('disconnect', (reason) => this.disconnects.push(reason));
  }

  payloads(name: string): readonly Readonly<Record<string, unknown>>[] {
    return this.received.filter((emit) => emit.name === name).map(({ payload }) => payload as Record<string, unknown>);
  }

  get states(): readonly SessionStatePayload[] {
    return this.payloads('session-state') as readonly unknown[] as readonly SessionStatePayload[];
  }

  /** Resolves when the last state is this one. */
  showing(state: string, timeoutMs?: number): Promise<SessionStatePayload> {
    return waitFor(() => (this.states.at(-1)?.state === state ? this.states.at(-1) : undefined), {
      what: `a browser to show ${state}, it was shown ${this.states.map((each) => each.state).join()}`,
      ...(timeoutMs !== undefined && { timeoutMs }),
    });
  }

  /** The payload of the first, second, … emit of this name. */
  got(name: string, count = 1): Promise<Readonly<Record<string, unknown>>> {
    return waitFor(() => this.payloads(name)[count - 1], { what: `emit ${count} of ${name}` });
  }

  async connected(): Promise<this> {
    await waitFor(() => this.socket.connected, { what: 'a browser to connect' });
    return this;
  }

  [Symbol.dispose](): void {
    this.socket.disconnect();
  }
}

export interface GatewayUnderTestOptions extends SocketOverrides {
  readonly env?: Readonly<Record<string, string>>;
}

/** The real socket service on a free port, with a publisher beside it and browsers on demand. */
export class GatewayUnderTest implements AsyncDisposable {
  readonly service: SocketService;
  readonly url: string;
  readonly nats: NatsConnection;
  /** Parsed log lines. */
  readonly log: Readonly<Record<string, unknown>>[];
  readonly #browsers: TestBrowser[] = [];

  private constructor(service: SocketService, nats: NatsConnection, log: Readonly<Record<string, unknown>>[]) {
    this.service = service;
    this.nats = nats;
    this.log = log;
    this.url = `http://127.0.0.1:${service.port}`;
  }

  static async start(natsUrl: string, { env, ...overrides }: GatewayUnderTestOptions = {}): Promise<GatewayUnderTest> {
    const log: Readonly<Record<string, unknown>>[] = [];
    const logger = pino(
      { level: 'debug' },
      { write: (line) => void log.push(JSON.parse(line) as Record<string, unknown>) },
    );
    const service = await startSocketService(configOf(natsUrl, env), logger, undefined, {
      page: new Map(),
      commandRetry: { baseMs: 50, maxMs: 200 },
      ...overrides,
      limits: { admissionGraceMs: 0, ...overrides.limits },
    });
    const nats = await connectNats({ servers: natsUrl.split(','), maxReconnectAttempts: -1, reconnectTimeWait: 50 });
    return new GatewayUnderTest(service, nats, log);
  }

  /** As `start`, with nothing in the stream: what the last test published there is none of this one's. */
  static async startEmpty(natsUrl: string, options?: GatewayUnderTestOptions): Promise<GatewayUnderTest> {
    const gateway = await GatewayUnderTest.start(natsUrl, options);
    await (await gateway.nats.jetstreamManager()).streams.purge('WHATSAPP_EVENTS');
    return gateway;
  }

  /** A browser with a valid token of the salon, unless `auth` brings another. Not yet connected. */
  async open(
    salonId: string | number,
    {
      auth,
      ...options
    }: Partial<Omit<ManagerOptions & SocketOptions, 'auth'>> & { auth?: Record<string, unknown> } = {},
  ): Promise<TestBrowser> {
    const browser = new TestBrowser(this.url, { auth: { token: await signToken(salonId), ...auth }, ...options });
    this.#browsers.push(browser);
    return browser;
  }

  /** As `open`, connected and in its room. */
  async join(...args: Parameters<GatewayUnderTest['open']>): Promise<TestBrowser> {
    return (await this.open(...args)).connected();
  }

  /** A core publish without any header, as an operator does it. */
  async publish(subject: string, body: string | Uint8Array, header?: Readonly<Record<string, string>>): Promise<void> {
    const headers = natsHeaders();
    for (const [name, value] of Object.entries(header ?? {})) headers.set(name, value);
    this.nats.publish(subject, body, header ? { headers } : {});
    await this.nats.flush();
  }

  publishEvent(event: SessionEvent, header?: Readonly<Record<string, string>>): Promise<void> {
    return this.publish(eventsSubject(event.companyId as CompanyId), JSON.stringify(event), header);
  }

  /** The text of `/metrics`, or the value of one sample by its exact name and labels; 0 when it is absent. */
  async metrics(): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.service.adminPort}/metrics`)).text();
  }

  async metric(sample: string): Promise<number> {
    const line = (await this.metrics()).split('\n').find((text) => text.startsWith(`${sample} `));
    return Number(line?.split(' ')[1] ?? 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const browser of this.#browsers) browser[Symbol.dispose]();
    await this.nats.close();
    await this.service.stop();
  }
}

function configOf(natsUrl: string, env: Readonly<Record<string, string>> | undefined): SocketConfig {
  const variables: Readonly<Record<string, string | undefined>> = {
    NATS_URL: natsUrl,
    SOCKET_HTTP_PORT: '0',
    JWT_SECRET,
    CONNECTIONS_PER_MINUTE: '100000',
    // As in the environment: empty is unset.
    ...Object.fromEntries(Object.entries(env ?? {}).map(([name, value]) => [name, value || undefined])),
  };
  return toConfig(variables as Parameters<typeof toConfig>[0]);
}

/** An event as its owner publishes it. `occurredAt` is now unless told. */
export function ownerEvent(
  salonId: string | number,
  type: EventType,
  { epoch, seq }: Position,
  fields: Readonly<Record<string, unknown>> = {},
): SessionEvent {
  const companyId = parseCompanyId(salonId);
  return {
    ...byHand(salonId, type),
    id: eventId(companyId, { epoch, seq }),
    epoch,
    seq,
    occurredAt: Date.now() * 1000,
    ...fields,
  };
}

/** An event as an operator types it. */
export function byHand(salonId: string | number, type: EventType, fields: object = {}): SessionEvent {
  const companyId = parseCompanyId(salonId);
  return { type, companyId, phoneNumber: '79990000001', timestamp: Date.now(), ...fields } as SessionEvent;
}

/** A QR that lives for `ttlMs` from now. */
export function qrFor(ttlMs: number, text = '2@qr'): { qr: { text: string; expiresAt: number; ttlMs: number } } {
  return { qr: { text, expiresAt: Date.now() + ttlMs, ttlMs } };
}
