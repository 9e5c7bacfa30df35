import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuthenticationState, UserFacingSocketConfig } from '@whiskeysockets/baileys';
import pino from 'pino';
import { startSimulator, type Simulator, type SimulatorOptions } from '../../services/simulator/service.ts';
import { guardConsole } from '../../services/whatsapp/session/console-guard.ts';
import { BaileysClient, trustStrictly } from './baileys-client.ts';

// libsignal prints whole sessions.
guardConsole();

/** Numbers of the phones that a simulator starts with. */
export const ANNA = '79990000001';
export const BORIS = '79990000002';
export const VERA = '79990000003';

export interface ConnectOptions {
  readonly auth?: AuthenticationState;
  readonly qrTimeoutMs?: number;
  readonly config?: Partial<UserFacingSocketConfig>;
  /** Behind the URL: `?scenario=…`. */
  readonly query?: string;
}

/** A simulator in a folder of its own, and the unmodified Baileys clients that talk to it, strictly. */
export class SimulatedWhatsApp implements AsyncDisposable {
  readonly #dataDir: string;
  readonly #clients: BaileysClient[] = [];
  simulator: Simulator;

  private constructor(dataDir: string, simulator: Simulator) {
    this.#dataDir = dataDir;
    this.simulator = simulator;
  }

  static async start(options: Partial<SimulatorOptions> = {}): Promise<SimulatedWhatsApp> {
    const dataDir = await mkdtemp(join(tmpdir(), 'simulator-'));
    return new SimulatedWhatsApp(dataDir, await startIn(dataDir, options));
  }

  async restart(options: Partial<SimulatorOptions> = {}): Promise<void> {
    await this.simulator.stop();
    this.simulator = await startIn(this.#dataDir, options);
  }

  connect({ query = '', ...options }: ConnectOptions = {}): BaileysClient {
    const client = new BaileysClient({ url: this.simulator.url + query, ...options });
    this.#clients.push(client);
    return client;
  }

  /** Links a new device by QR and answers its credentials; the client has closed with 515. */
  async link(phone: string = ANNA): Promise<AuthenticationState> {
    const client = this.connect();
    await this.simulator.phones.scan(phone, await client.qr());
    await client.closed();
    return client.auth;
  }

  async logIn(auth: AuthenticationState, options: Omit<ConnectOptions, 'auth'> = {}): Promise<BaileysClient> {
    const client = this.connect({ ...options, auth });
    await client.opened();
    return client;
  }

  /** How many clients were refused, by code. */
  async rejections(): Promise<unknown> {
    return (await fetch(`${this.simulator.httpUrl}/rejections`)).json();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) await client[Symbol.asyncDispose]();
    await this.simulator.stop();
    await rm(this.#dataDir, { recursive: true });
  }
}

async function startIn(dataDir: string, options: Partial<SimulatorOptions>): Promise<Simulator> {
  const simulator = await startSimulator({ port: 0, dataDir, logger: pino({ level: 'silent' }), ...options });
  trustStrictly(simulator.rootKey);
  return simulator;
}
