import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSimulator, type Simulator } from '../../services/simulator/service.ts';
import { VARIABLES, toConfig } from '../../services/whatsapp/config.ts';
import { startWhatsApp, type WhatsAppOverrides, type WhatsAppService } from '../../services/whatsapp/service.ts';
import { requestCommand } from '../../shared/bus/commands.ts';
import { BusConnection } from '../../shared/bus/connection.ts';
import { subscribeEvents } from '../../shared/bus/event-feed.ts';
import { readLastEvent } from '../../shared/bus/last-event.ts';
import { readEnv } from '../../shared/config/env.ts';
import type { CommandName, CommandReply } from '../../shared/contract/commands.ts';
import type { CompanyId } from '../../shared/contract/company-id.ts';
import { decodeEvent } from '../../shared/contract/decode-event.ts';
import type { EventType, OrderedEvent, SessionEvent } from '../../shared/contract/events.ts';
import type { PhoneNumber } from '../../shared/contract/phone-number.ts';
import { companyIdOfEventsSubject } from '../../shared/contract/subjects.ts';
import { createLogger } from '../../shared/telemetry/logger.ts';
import { startNatsServer, type NatsServer } from './nats-server.ts';
import { waitFor } from './wait-for.ts';

/** Numbers that belong to nobody. */
export const TEST_PHONES = Array.from({ length: 20 }, (_, index) => `7999000${String(index + 1).padStart(4, '0')}`);

export function lidOfPhone(phoneNumber: string): string {
  return `1000000000${phoneNumber.slice(-5)}`;
}

/** A live event with its headers, as a gateway sees it. */
export interface SeenEvent {
  readonly event: OrderedEvent;
  header(name: string): string | undefined;
}

export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface LinkingOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly overrides?: WhatsAppOverrides;
}

/**
 * The WhatsApp service on a real nats-server, an embedded PostgreSQL in a folder of its own, and the simulated WhatsApp
 * with its phones, all real but WhatsApp itself. The service can be stopped and started again on the same data.
 */
export class LinkingSystem implements AsyncDisposable {
  readonly nats: NatsServer;
  readonly simulator: Simulator;
  readonly bus: BusConnection;
  readonly dataDir: string;
  readonly logs: LogLine[] = [];
  readonly #stack: AsyncDisposableStack;
  readonly #options: LinkingOptions;
  readonly #seen: SeenEvent[] = [];
  /** Events that decode to nothing: there must be none. */
  readonly invalid: string[] = [];
  #service: WhatsAppService | undefined;

  private constructor(
    stack: AsyncDisposableStack,
    parts: { nats: NatsServer; simulator: Simulator; bus: BusConnection; dataDir: string },
    options: LinkingOptions,
  ) {
    this.#stack = stack;
    this.#options = options;
    this.nats = parts.nats;
    this.simulator = parts.simulator;
    this.bus = parts.bus;
    this.dataDir = parts.dataDir;
  }

  static async start(options: LinkingOptions = {}): Promise<LinkingSystem> {
    await using stack = new AsyncDisposableStack();
    const dataDir = await mkdtemp(join(tmpdir(), 'linking-'));
    stack.defer(() => rm(dataDir, { recursive: true, force: true, maxRetries: 5 }));
    const nats = stack.use(await startNatsServer());
    const logger = createLogger({ name: 'simulator', level: 'silent' });
    const defaultPhones = TEST_PHONES.map((phoneNumber) => ({ phoneNumber, lid: lidOfPhone(phoneNumber) }));
    const simulator = stack.use(
      await startSimulator({ port: 0, dataDir: join(dataDir, 'simulator'), logger, defaultPhones }),
    );
    const bus = stack.use(await BusConnection.connect({ servers: [nats.url], name: 'test', reconnectBaseWaitMs: 25 }));
    const system = new LinkingSystem(stack.move(), { nats, simulator, bus, dataDir }, options);
    system.#stack.use(subscribeEvents(bus, (message) => system.#see(message)));
    await system.startService();
    return system;
  }

  get service(): WhatsAppService {
    if (!this.#service) throw new Error('the service is not running');
    return this.#service;
  }

  /** `env` replaces what the system was started with. */
  async startService(env = this.#options.env): Promise<void> {
    const config = toConfig(
      readEnv(VARIABLES, {
        NATS_URL: this.nats.url,
        DATA_DIR: join(this.dataDir, 'whatsapp'),
        WHATSAPP_URL: this.simulator.url,
        WHATSAPP_ROOT_KEY: this.simulator.rootKey.toString('base64'),
        WHATSAPP_HTTP_PORT: '0',
        ...env,
      }),
    );
    const destination = { write: (line: string) => void this.logs.push(JSON.parse(line) as LogLine) };
    const logger = createLogger({ name: 'whatsapp', level: 'debug', destination });
    this.#service = await startWhatsApp(config, logger, undefined, this.#options.overrides);
  }

  async stopService(): Promise<void> {
    const service = this.#service;
    this.#service = undefined;
    await service?.stop();
  }

  command(companyId: CompanyId, name: CommandName, phoneNumber?: string): Promise<CommandReply> {
    // As a careless client sends it: the receiver checks, too.
    return requestCommand(this.bus, { companyId, name, phoneNumber: phoneNumber as PhoneNumber, deadlineMs: 10_000 });
  }

  /** The company's live events so far, oldest first. */
  seen(companyId: CompanyId): SeenEvent[] {
    return this.#seen.filter(({ event }) => event.companyId === companyId);
  }

  types(companyId: CompanyId): EventType[] {
    return this.seen(companyId).map(({ event }) => event.type);
  }

  /** Waits for the company's `count`-th live event of the type. */
  async event<T extends EventType>(
    companyId: CompanyId,
    type: T,
    count = 1,
  ): Promise<SeenEvent & { event: OrderedEvent & { type: T } }> {
    const found = await waitFor(() => this.seen(companyId).filter(({ event }) => event.type === type)[count - 1], {
      what: `event ${count} of type ${type} of ${companyId}`,
      timeoutMs: 20_000,
    });
    return found as SeenEvent & { event: OrderedEvent & { type: T } };
  }

  /** Links the company to the phone by its QR and waits until it is connected. */
  async link(companyId: CompanyId, phone: string): Promise<OrderedEvent> {
    const connects = this.types(companyId).filter((type) => type === 'connected').length;
    await this.command(companyId, 'start');
    await waitFor(() => this.seen(companyId).at(-1)?.event.type === 'qr', { what: 'a QR' });
    await this.simulator.phones.scan(phone, this.seen(companyId).at(-1)?.event.qr?.text ?? '');
    return (await this.event(companyId, 'connected', connects + 1)).event;
  }

  /** What the stream holds as the company's last event. */
  async stored(companyId: CompanyId): Promise<SessionEvent | undefined> {
    const stored = await readLastEvent(this.bus, companyId);
    if (!stored) return undefined;
    const decoded = decodeEvent(companyId, stored.body);
    if (!decoded.ok) throw new Error(`the stream holds no event: ${decoded.reason} ${decoded.detail}`);
    return decoded.event;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopService();
    await this.#stack.disposeAsync();
  }

  #see(message: Parameters<Parameters<typeof subscribeEvents>[1]>[0]): void {
    const companyId = companyIdOfEventsSubject(message.subject);
    const decoded = companyId && decodeEvent(companyId, message.body);
    if (!decoded?.ok) this.invalid.push(`${message.subject}: ${decoded ? decoded.detail : 'bad subject'}`);
    else this.#seen.push({ event: decoded.event as OrderedEvent, header: (name) => message.header(name) });
  }
}
