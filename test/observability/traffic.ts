import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type NatsConnection } from 'nats';
import { parseCompanyId } from '../../shared/contract/company-id.ts';
import type { EventType } from '../../shared/contract/events.ts';
import { eventsSubject } from '../../shared/contract/subjects.ts';
import { scanWith } from '../harness/phone.ts';
import { ownerEvent, TestBrowser } from '../harness/socket-gateway.ts';
import type { System } from '../harness/system.ts';
import { waitFor } from '../harness/wait-for.ts';

const TICK_MS = 250;
/** For one step of linking, on a machine that does other things too. */
const PATIENCE_MS = 60_000;
/** Far above what an annotation takes for a load test. */
const EVENTS_PER_TICK = 60;
/** Real sessions, which come and go by the simulator, and whose phones they are. */
const LINKED = [
  { salon: '962401', phone: '79990000001' },
  { salon: '962402', phone: '79990000002' },
] as const;
/** Its phone throws the device out. */
const UNLINKED = { salon: '962403', phone: '79990000003' } as const;
/** WhatsApp refuses its client for being too old. */
const OUTDATED_SALON = '962404';
const OWN_TYPES = ['connected', 'disconnected', 'linked', 'logged-out', 'qr-expired'] as const satisfies EventType[];

/** Of the load generator: nobody waits for the first, somebody for the second. */
const BUSY = '9100000000';
const WATCHED = '9100000001';

/**
 * Everything that happens to the system in production, all the time: linked phones whose connections break, synthetic
 * events with and without an audience, repeated, stale and invalid ones, browsers that come, go and are turned away.
 */
export class Traffic implements AsyncDisposable {
  readonly #system: System;
  readonly #nats: NatsConnection;
  readonly #browsers: TestBrowser[] = [];
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  readonly #seqs = new Map<string, number>();

  private constructor(system: System, nats: NatsConnection) {
    this.#system = system;
    this.#nats = nats;
  }

  static async start(system: System): Promise<Traffic> {
    const nats = await connect({ servers: system.natsUrl, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
    const traffic = new Traffic(system, nats);
    for (const { salon, phone } of LINKED) await traffic.#link(salon, phone);
    await traffic.#logOut();
    await traffic.#refuseOutdated();
    await traffic.#open(WATCHED);
    traffic.#running = traffic.#run();
    return traffic;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
    for (const browser of this.#browsers) browser[Symbol.dispose]();
    await this.#nats.close();
  }

  async #run(): Promise<void> {
    for (let tick = 0; !this.#stop.signal.aborted; tick += 1) {
      this.#publishSynthetic();
      this.#publishRefused();
      if (tick % 16 === 0) await this.#breakConnection(tick / 16);
      if (tick % 8 === 4) await this.#comeAndGo();
      await sleep(TICK_MS);
    }
  }

  #publishSynthetic(): void {
    for (const type of OWN_TYPES) this.#publish(WATCHED, type);
    for (let count = 0; count < EVENTS_PER_TICK; count += 1) this.#publish(BUSY, 'connected');
  }

  /** What a gateway must not show: the same event again, an older one, and no event at all. */
  #publishRefused(): void {
    const subject = eventsSubject(parseCompanyId(WATCHED));
    const { body } = this.#publish(WATCHED, 'connected');
    this.#nats.publish(subject, body);
    this.#publish(WATCHED, 'connected', 1);
    this.#nats.publish(subject, '{');
    this.#nats.publish(`${subject}0x`, '{}');
  }

  #publish(salon: string, type: EventType, seq = this.#nextSeq(salon)): { readonly body: string } {
    const event = ownerEvent(salon, type, { epoch: 1, seq }, { synthetic: true });
    const body = JSON.stringify(event);
    this.#nats.publish(eventsSubject(parseCompanyId(salon)), body);
    return { body };
  }

  #nextSeq(salon: string): number {
    const seq = (this.#seqs.get(salon) ?? 0) + 1;
    this.#seqs.set(salon, seq);
    return seq;
  }

  /** A linked phone's connection ends; the session comes back by itself. It may be down already. */
  async #breakConnection(turn: number): Promise<void> {
    const devices = await this.#ask<readonly { jid: string }[]>('GET', '/devices');
    const device = devices?.[turn % devices.length];
    if (device) await this.#ask('POST', `/devices/${encodeURIComponent(device.jid)}/disconnect`, { how: 'close' });
  }

  /** A browser that stays for a moment, in both transports, and one whose token is no token. */
  async #comeAndGo(): Promise<void> {
    for (const transport of ['websocket', 'polling']) {
      using browser = await this.#browser(LINKED[0].salon, { transports: [transport] });
      await waitFor(() => browser.socket.connected, { what: 'a visitor', timeoutMs: 2000 }).catch(() => undefined);
    }
    using intruder = new TestBrowser(this.#system.socketUrl, { auth: { token: 'none' }, reconnection: false });
    await waitFor(() => intruder.refusals[0], { what: 'a refusal', timeoutMs: 2000 }).catch(() => undefined);
  }

  async #logOut(): Promise<void> {
    const { salon, phone } = UNLINKED;
    await this.#ask('POST', '/phones', { phoneNumber: phone });
    const browser = await this.#link(salon, phone);
    await this.#ask('POST', `/phones/${phone}/unlink`, {});
    await browser.showing('logged-out', PATIENCE_MS);
  }

  async #refuseOutdated(): Promise<void> {
    await this.#ask('POST', '/scenarios', { default: true, name: 'outdated' });
    const browser = await this.#open(OUTDATED_SALON);
    await browser.showing('client-outdated', PATIENCE_MS);
    await this.#ask('DELETE', '/scenarios');
  }

  async #link(salon: string, phone: string): Promise<TestBrowser> {
    const browser = await this.#open(salon);
    const { qr } = await browser.showing('qr', PATIENCE_MS);
    await scanWith(this.#system.phoneUrl, phone, qr?.text ?? '');
    await browser.showing('connected', PATIENCE_MS);
    return browser;
  }

  async #open(salon: string): Promise<TestBrowser> {
    const browser = await this.#browser(salon, {});
    this.#browsers.push(browser);
    return browser.connected();
  }

  /** Answers what it is asked to acknowledge, as the onboarding page does. */
  async #browser(salon: string, options: object): Promise<TestBrowser> {
    const token = await this.#system.token(salon);
    const browser = new TestBrowser(this.#system.socketUrl, { auth: { token, acknowledges: true }, ...options });
    browser.socket.onAny((...args: unknown[]) => {
      const acknowledge = args.at(-1);
      if (typeof acknowledge === 'function') (acknowledge as () => void)();
    });
    return browser;
  }

  async #ask<Answer>(method: string, path: string, body?: object): Promise<Answer | undefined> {
    const response = await fetch(`${this.#system.phoneUrl}${path}`, {
      method,
      ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    return response.ok ? ((await response.json()) as Answer) : undefined;
  }
}
