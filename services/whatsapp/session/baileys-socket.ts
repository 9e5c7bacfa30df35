import {
  makeWASocket,
  type AuthenticationState,
  type BaileysEventMap,
  type UserFacingSocketConfig,
  type WASocket,
} from '@whiskeysockets/baileys';
import type { PhoneNumber } from '../../../shared/contract/phone-number.ts';
import { toAccount, type Account } from './account.ts';
import { formatAddress, lidOf, parseAddress, phoneNumberOf, type Address } from './address.ts';
import { boundClosing, closedOf } from './baileys-closing.ts';
import { toReceivedMessage } from './baileys-messages.ts';
import { onPasskeyDemanded, onTyped, requestPairingCode, toCodeFailure } from './baileys-pairing-code.ts';
import { toCloseReason, type CloseReason, type SocketClose } from './close-reason.ts';
import type { SocketListener, WhatsAppSocket } from './companion-device.ts';
import { qrLifetimeMs } from './qr-lifetime.ts';
import type { ReceivedMessage, Sender } from './received-message.ts';
import { Recipients } from './recipients.ts';
import type { SocketTimes } from './socket-times.ts';

export interface BaileysSocketOptions {
  readonly config: Omit<UserFacingSocketConfig, 'auth'>;
  readonly times: SocketTimes;
  readonly auth: AuthenticationState;
  readonly listener: SocketListener;
  /** The credentials changed and are worth saving. */
  readonly onCredentials: () => void;
}

/** One Baileys socket, from its first byte to its end. The connection is already being made when this returns. */
export class BaileysSocket implements WhatsAppSocket {
  readonly #sock: WASocket;
  readonly #auth: AuthenticationState;
  readonly #listener: SocketListener;
  readonly #times: SocketTimes;
  readonly #openTimer: NodeJS.Timeout;
  readonly #recipients = new Recipients({ lookUp: (phoneNumber) => this.#lookUp(phoneNumber) });
  #codeTimer: NodeJS.Timeout | undefined;
  /** Monotonic, in ms. */
  #codeEndsAtMs = 0;
  #qrsShown = 0;
  #over = false;
  #name: string | undefined;
  /** Messages are told in the order of arrival, although an address may have to be looked up first. */
  #received: Promise<void> = Promise.resolve();

  constructor({ config, times, auth, listener, onCredentials }: BaileysSocketOptions) {
    this.#auth = auth;
    this.#listener = listener;
    this.#times = times;
    this.#name = auth.creds.me?.name;
    this.#sock = makeWASocket({
      ...config,
      connectTimeoutMs: times.connectTimeoutMs,
      keepAliveIntervalMs: times.keepAliveMs,
      ...(times.qrMs !== undefined && { qrTimeout: times.qrMs }),
      auth,
    });
    boundClosing(this.#sock.ws);
    this.#sock.ev.on('creds.update', () => {
      onCredentials();
      this.#noticeName();
    });
    // Both kinds: `append` is what came while the device was offline.
    this.#sock.ev.on('messages.upsert', ({ messages }) => {
      for (const message of messages.map(toReceivedMessage)) if (message) this.#receive(message);
    });
    this.#sock.ev.on('connection.update', (update) => this.#onUpdate(update));
    // Baileys listens to it, which makes `ws` leave the rest to Baileys, and does nothing: it would wait for ever.
    this.#sock.ws.on('unexpected-response', () => this.#giveUp('unreachable'));
    onPasskeyDemanded(this.#sock.ws, () => !this.#over && this.#listener.onPasskeyDemanded());
    onTyped(this.#sock.ws, () => this.#prolongCode());
    this.#openTimer = setTimeout(() => this.#giveUp('timed-out'), times.openTimeoutMs);
  }

  requestPairingCode(phoneNumber: PhoneNumber): void {
    void this.#showCode(phoneNumber);
  }

  async sendText(to: Address, text: string): Promise<string> {
    const jid = formatAddress(await this.#recipients.find(to));
    const sent = await this.#sock.sendMessage(jid, { text });
    if (!sent?.key.id) throw new Error('Baileys answered no message id');
    return sent.key.id;
  }

  async logout(): Promise<void> {
    try {
      await this.#sock.logout();
    } catch {
      // Nobody could be told. The close is all that is left of the logout.
      this.#giveUp('logout-requested');
    }
  }

  async close(): Promise<void> {
    this.#end();
    const { ws } = this.#sock;
    const closed = closedOf(ws);
    // As if the server had closed: only then do queries under way end now instead of after their 60 s.
    ws.emit('close');
    await closed;
  }

  /** Fields repeat between updates and each may stand alone, so each is looked at by itself. */
  #onUpdate({ qr, isNewLogin, connection, lastDisconnect }: BaileysEventMap['connection.update']): void {
    if (this.#over) return;
    if (qr !== undefined) this.#showQr(qr);
    if (isNewLogin) this.#listener.onNewLogin(this.#account());
    if (connection === 'open') this.#open();
    if (connection === 'close') {
      this.#end();
      this.#listener.onClose(toCloseReason(toSocketClose(lastDisconnect?.error)));
    }
  }

  #showQr(qr: string): void {
    clearTimeout(this.#openTimer);
    const ttlMs = qrLifetimeMs(this.#qrsShown, this.#times.qrMs);
    this.#qrsShown += 1;
    this.#listener.onQr(qr, ttlMs);
  }

  async #showCode(phoneNumber: PhoneNumber): Promise<void> {
    const { codeAnswerMs, codeShownMs, codeGraceMs } = this.#times;
    try {
      const text = await requestPairingCode(this.#sock, phoneNumber, codeAnswerMs);
      if (this.#over) return;
      this.#endCodeIn(codeShownMs + codeGraceMs);
      this.#listener.onCode(text, codeShownMs);
    } catch (error) {
      const failure = toCodeFailure(error);
      if (failure && !this.#over) this.#listener.onCodeFailed(failure);
    }
  }

  /** Somebody typed it in the last moment: what follows is not cut off. */
  #prolongCode(): void {
    const { codeGraceMs } = this.#times;
    if (this.#codeTimer && this.#codeEndsAtMs < performance.now() + codeGraceMs) this.#endCodeIn(codeGraceMs);
  }

  #endCodeIn(ms: number): void {
    clearTimeout(this.#codeTimer);
    this.#codeEndsAtMs = performance.now() + ms;
    this.#codeTimer = setTimeout(() => !this.#over && this.#listener.onCodeOver(), ms);
  }

  #open(): void {
    clearTimeout(this.#openTimer);
    const account = this.#account();
    this.#listener.onOpen(account);
    if (account.phoneNumber === undefined && account.lid !== undefined) void this.#findNumber(account.lid);
  }

  /** The account is known by its LID alone: its number comes from a mapping, now or later. */
  async #findNumber(lid: string): Promise<void> {
    const find = async () => {
      const jid = formatAddress({ user: lid, server: 'lid', device: 0 });
      const found = await this.#sock.signalRepository.lidMapping.getPNForLID(jid).catch(() => null);
      const phoneNumber = phoneNumberOf(parseAddress(found ?? undefined));
      if (phoneNumber !== undefined && !this.#over) this.#listener.onAccount({ phoneNumber });
    };
    this.#sock.ev.on('lid-mapping.update', () => void find());
    await find();
  }

  #receive(message: ReceivedMessage): void {
    const told = async () => {
      const from = await this.#withBothAddresses(message.from);
      if (!this.#over) this.#listener.onMessage({ ...message, from });
    };
    this.#received = this.#received.then(told);
  }

  /** Fills in the address that WhatsApp left out, when Baileys knows it. Never rejects. */
  async #withBothAddresses(from: Sender): Promise<Sender> {
    const { phoneNumber, lid } = from;
    const { lidMapping } = this.#sock.signalRepository;
    if (phoneNumber === undefined && lid !== undefined) {
      const jid = formatAddress({ user: lid, server: 'lid', device: 0 });
      const known = phoneNumberOf(parseAddress((await lidMapping.getPNForLID(jid).catch(() => null)) ?? undefined));
      return known === undefined ? from : { ...from, phoneNumber: known };
    }
    if (lid === undefined && phoneNumber !== undefined) {
      const jid = formatAddress({ user: phoneNumber, server: 's.whatsapp.net', device: 0 });
      const known = lidOf(parseAddress((await lidMapping.getLIDForPN(jid).catch(() => null)) ?? undefined));
      return known === undefined ? from : { ...from, lid: known };
    }
    return from;
  }

  async #lookUp(phoneNumber: string): Promise<Address | 'nobody'> {
    const found = await this.#sock.onWhatsApp(phoneNumber);
    if (!found) throw new Error('WhatsApp did not say whether the number has an account');
    const [account] = found;
    if (!account?.exists) return 'nobody';
    return parseAddress(account.jid) ?? { user: phoneNumber, server: 's.whatsapp.net', device: 0 };
  }

  #noticeName(): void {
    const { account, me } = this.#auth.creds;
    // Before the phone accepted, Baileys keeps there whom a pairing code was asked for.
    if (this.#over || !account || me?.name === this.#name) return;
    this.#name = me?.name;
    this.#listener.onAccount(this.#account());
  }

  #account(): Account {
    return toAccount(this.#auth.creds.me);
  }

  #giveUp(reason: CloseReason): void {
    if (this.#over) return;
    void this.close();
    this.#listener.onClose(reason);
  }

  #end(): void {
    this.#over = true;
    clearTimeout(this.#openTimer);
    clearTimeout(this.#codeTimer);
  }
}

function toSocketClose(error: Error | undefined): SocketClose {
  // A Boom, told by its shape: more than one version of that package is installed.
  const { output, data } = (error ?? {}) as { output?: { statusCode?: number }; data?: { code?: unknown } };
  const networkCode = typeof data?.code === 'string' ? data.code : undefined;
  return { statusCode: output?.statusCode, message: error?.message, networkCode };
}
