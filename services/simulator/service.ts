import { createServer } from 'node:http';
import { join } from 'node:path';
import type { BusConnectionOptions } from '../../shared/bus/connection.ts';
import { closeServer, listen } from '../../shared/http/listen.ts';
import type { Service } from '../../shared/lifecycle/run.ts';
import type { Logger } from '../../shared/telemetry/logger.ts';
import type { QrTiming } from './behaviour.ts';
import { SimulatorInstruments } from './instruments.ts';
import { isLoopback } from './local-access.ts';
import { loadPage } from './page-assets.ts';
import { Directory, type PhoneRequest } from './people/directory.ts';
import { PhoneDesk } from './people/phone-desk.ts';
import { jidOf } from './people/stored-state.ts';
import { Chats } from './post/chats.ts';
import { Messenger } from './post/messenger.ts';
import { PostOffice } from './post/post-office.ts';
import { createCertificateChain } from './protocol/certificate-chain.ts';
import type { ServerIdentity } from './protocol/noise-responder.ts';
import { generateKeyPair } from './protocol/x25519.ts';
import { createApp } from './routes.ts';
import { ScenarioDesk } from './scenario-desk.ts';
import { watchScreens } from './screen-watch.ts';
import { Screens } from './screens.ts';
import { CodeRequests } from './server/code-requests.ts';
import { PairingDesk } from './server/pairing-desk.ts';
import { SessionRegistry } from './server/session-registry.ts';
import { WEBSOCKET_PATH, WhatsAppServer } from './server/whatsapp-server.ts';
import { SignalDesk } from './signal/signal-desk.ts';

/** How the simulated WhatsApp behaves. What is left out is as WhatsApp does it. */
interface Behaviour {
  /** Default 6 refs, the first for 60 s, the others for 20 s each. */
  readonly qr: QrTiming;
  /** How long a pairing code can be typed. Default 160 s, after which a client has used up its QRs and hangs up. */
  readonly codeLifeMs: number;
  /** How long a client may take to sign a link. Default 10 s. */
  readonly linkTimeoutMs: number;
  /** Default 10 s. */
  readonly handshakeTimeoutMs: number;
  /** The largest frame and WebSocket message in bytes. Default 1 MiB; an upload of 812 prekeys takes about 40 KiB. */
  readonly maxFrameBytes: number;
  /** Made on the first start with a data folder. */
  readonly defaultPhones: readonly PhoneRequest[];
}

export interface SimulatorOptions extends Partial<Behaviour> {
  /** 0 picks a free one. */
  readonly port: number;
  /** The address to listen on. Default 127.0.0.1: whoever reaches the simulator controls its phones. */
  readonly host?: string | undefined;
  /** Root key, phones and devices live here; a start with the same folder continues. */
  readonly dataDir: string;
  readonly logger: Logger;
  /** Where the salons' screens are seen; without it QRs are pasted. */
  readonly nats?: Omit<BusConnectionOptions, 'name' | 'observer'> | undefined;
  /** ms since the epoch. Default the system's clock. */
  readonly now?: () => number;
}

export interface Simulator extends Service, AsyncDisposable {
  readonly port: number;
  /** For Baileys' `waWebSocketUrl`. */
  readonly url: string;
  /** The base of the HTTP API and the page. */
  readonly httpUrl: string;
  /** 32 bytes: the public key that the server's certificates lead to. */
  readonly rootKey: Buffer;
  readonly phones: PhoneDesk;
  readonly scenarios: ScenarioDesk;
}

const DEFAULTS: Behaviour = {
  qr: { refs: 6, firstRefMs: 60_000, nextRefMs: 20_000 },
  codeLifeMs: 160_000,
  linkTimeoutMs: 10_000,
  handshakeTimeoutMs: 10_000,
  maxFrameBytes: 1024 * 1024,
  defaultPhones: [
    { phoneNumber: '79990000001', lid: '100000000000001', name: 'Salon Anna', business: true },
    { phoneNumber: '79990000002', lid: '100000000000002', name: 'Barbershop Boris', business: true },
    { phoneNumber: '79990000003', lid: '100000000000003', name: 'Vera', business: false },
  ],
};

const PAGE_FOLDER = join(import.meta.dirname, 'page');

/**
 * Starts the WhatsApp server, its phones, the control API and the page on one port.
 * @throws StateCorruptedError when a file of the data folder is unreadable, ListenError when the port cannot be had, esbuild's
 * BuildFailure when the page does not compile
 */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  await using stack = new AsyncDisposableStack();
  const { logger, host = '127.0.0.1', now = Date.now } = options;
  const instruments = new SimulatorInstruments(logger);
  const directory = await Directory.open(options.dataDir, options.defaultPhones ?? DEFAULTS.defaultPhones);
  const rootKey = directory.rootKey.publicKey;
  const pairing = new PairingDesk(now);
  const codes = new CodeRequests(now);
  const sessions = new SessionRegistry();
  const signals = await SignalDesk.open(options.dataDir, directory);
  const [post, chats] = [new PostOffice(), new Chats()];
  const messenger = new Messenger({ directory, signals, post, chats, instruments, now });
  directory.watchRemovals((device) => {
    post.forget(jidOf(device));
    signals.forget(device);
  });
  const screens: Screens = new Screens(now, () => scenarios.learn());
  const scenarios = new ScenarioDesk(screens);
  if (options.nats) stack.use(watchScreens(options.nats, screens, instruments));
  const phones = new PhoneDesk({ directory, pairing, codes, sessions, chats, messenger, instruments });
  const page = await loadPage(PAGE_FOLDER);
  const app = createApp({
    logger,
    instruments,
    directory,
    phones,
    scenarios,
    screens,
    page,
    localOnly: isLoopback(host),
    rootKey,
  });

  const handle = app.callback();
  // Koa answers every failure itself: this promise never rejects.
  const server = createServer((request, response) => void handle(request, response));
  stack.defer(() => closeServer(server));
  const whatsApp = new WhatsAppServer({
    identity: createIdentity(directory, now()),
    directory,
    pairing,
    codes,
    scenarios,
    sessions,
    post,
    messenger,
    signals,
    instruments,
    now,
    ...toBehaviour(options),
  });
  whatsApp.attach(server);
  stack.defer(() => whatsApp.stop());
  const port = await listen(server, { port: options.port, host, variable: 'SIMULATOR_PORT', logger });

  const owned = stack.move();
  const stop = () => owned.disposeAsync();
  return {
    port,
    url: `ws://127.0.0.1:${port}${WEBSOCKET_PATH}`,
    httpUrl: `http://127.0.0.1:${port}`,
    rootKey,
    phones,
    scenarios,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function createIdentity(directory: Directory, nowMs: number): ServerIdentity {
  const staticKey = generateKeyPair();
  return { staticKey, certificateChain: createCertificateChain(directory.rootKey, staticKey.publicKey, nowMs) };
}

function toBehaviour(options: Partial<Behaviour>): Omit<Behaviour, 'defaultPhones'> {
  return {
    qr: options.qr ?? DEFAULTS.qr,
    codeLifeMs: options.codeLifeMs ?? DEFAULTS.codeLifeMs,
    linkTimeoutMs: options.linkTimeoutMs ?? DEFAULTS.linkTimeoutMs,
    handshakeTimeoutMs: options.handshakeTimeoutMs ?? DEFAULTS.handshakeTimeoutMs,
    maxFrameBytes: options.maxFrameBytes ?? DEFAULTS.maxFrameBytes,
  };
}
