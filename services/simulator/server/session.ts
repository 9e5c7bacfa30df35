import type { SimulatorInstruments } from '../instruments.ts';
import type { Directory } from '../people/directory.ts';
import { jidOf, type Device } from '../people/stored-state.ts';
import { ackOf } from '../post/message-stanza.ts';
import type { Messenger } from '../post/messenger.ts';
import type { Mailbox, PostOffice } from '../post/post-office.ts';
import { SERVER_JID, childOf, errorOf, node, type BinaryNode } from '../protocol/node.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { Course } from '../scenario-desk.ts';
import type { SignalDesk } from '../signal/signal-desk.ts';
import type { Connection } from './connection.ts';
import { endWith } from './ending.ts';
import { QUERIES, queryName } from './queries.ts';
import type { SessionRegistry } from './session-registry.ts';

export interface SessionOptions {
  readonly connection: Connection;
  readonly course: Course;
  readonly directory: Directory;
  readonly post: PostOffice;
  readonly messenger: Messenger;
  readonly signals: SignalDesk;
  readonly sessions: SessionRegistry;
  readonly instruments: SimulatorInstruments;
  /** As it was at login. */
  readonly device: Device;
  /** The device's address by LID. */
  readonly lid: string;
}

/** A linked device that is logged in. */
export class Session implements Mailbox {
  readonly #options: SessionOptions;
  readonly #jid: string;
  #backlogAnnounced = false;
  #isOpen = false;
  #ending: NodeJS.Timeout | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#jid = jidOf(options.device);
  }

  /** The device as it is stored now, or `undefined` once it is unlinked. */
  get device(): Device | undefined {
    return this.#options.directory.device(this.#jid);
  }

  get directory(): Directory {
    return this.#options.directory;
  }

  /**
   * Greets the device and answers it until it leaves.
   * @throws ProtocolError of the connection
   */
  async run(): Promise<void> {
    const { connection, course, lid } = this.#options;
    const { preKeysLeft, backlog = 0 } = course.behaviour;
    await this.#claimPreKeys(preKeysLeft);
    if (backlog > 0) await this.#options.messenger.fillBacklog(this.#options.device, backlog);
    course.watch(() => this.#follow(course));
    connection.send(node('success', { t: seconds(), lid }));
    try {
      for await (const stanza of connection.stanzas()) {
        await this.#receive(stanza);
      }
    } finally {
      clearTimeout(this.#ending);
      this.#options.post.close(this.#jid, this);
    }
  }

  /** The device has everything that it waits for before it calls itself open. */
  async becomeOpen(): Promise<void> {
    if (this.#isOpen) return;
    this.#isOpen = true;
    const { course, messenger } = this.#options;
    this.#follow(course);
    const { device } = this;
    if (!device || device.introduced) return;
    await this.directory.updateDevice(this.#jid, { introduced: true });
    await messenger.introduce(device);
  }

  /** What the post has for the device while it is ready for it. */
  take(stanza: BinaryNode): void {
    this.#options.connection.send(stanza);
  }

  /** The other devices that are connected. */
  get sessions(): SessionRegistry {
    return this.#options.sessions;
  }

  get signals(): SignalDesk {
    return this.#options.signals;
  }

  /** Tells the device how many of its prekeys are left, so that it makes more before they are used up. */
  tellPreKeyCount(): void {
    const { connection, device } = this.#options;
    const count = String(this.device?.preKeys.count ?? 0);
    const attrs = { id: `${device.device}-${count}-${Date.now()}`, from: SERVER_JID, type: 'encrypt', t: seconds() };
    connection.send(node('notification', attrs, [node('count', { value: count })]));
  }

  /** The device wants its backlog. Clients hold their events back until they are told that it is over. */
  announceBacklog(): void {
    if (this.#backlogAnnounced) return;
    this.#backlogAnnounced = true;
    const { connection, post } = this.#options;
    const waiting = post.waitingFor(this.#jid);
    if (waiting.length === 0) return this.#sendBacklog();
    const count = (tag: string) => String(waiting.filter((stanza) => stanza.tag === tag).length);
    const counts = { message: count('message'), receipt: count('receipt'), notification: '0', appdata: '0' };
    connection.send(node('ib', {}, [node('offline_preview', { count: String(waiting.length), ...counts })]));
  }

  #sendBacklog(): void {
    const { connection, post } = this.#options;
    const waiting = post.waitingFor(this.#jid);
    for (const [index, { tag, attrs, content }] of waiting.entries()) {
      connection.send(node(tag, { ...attrs, offline: String(index) }, content));
    }
    connection.send(node('ib', {}, [node('offline', { count: String(waiting.length) })]));
    post.open(this.#jid, this);
  }

  async #receive(stanza: BinaryNode): Promise<void> {
    const { connection, messenger, post, device } = this.#options;
    switch (stanza.tag) {
      case 'iq':
        return this.#answer(stanza);
      case 'message':
        connection.send(ackOf(stanza, Date.now()));
        return messenger.accept(device, stanza);
      case 'receipt':
        connection.send(ackOf(stanza, Date.now()));
        return messenger.takeReceipt(device, stanza);
      case 'ack':
        return post.settle(this.#jid, stanza.attrs['id'] ?? '');
      case 'ib':
        if (childOf(stanza, 'offline_batch')) this.#sendBacklog();
    }
  }

  /** Removes the device, because it asked for that or because its phone did. */
  async unlink(by: 'device' | 'phone'): Promise<void> {
    const { directory, instruments, device } = this.#options;
    await directory.removeDevice(device);
    instruments.unlinked(device, by);
    this.endUnlinked();
  }

  endUnlinked(): void {
    this.#end(node('stream:error', { code: '401' }, [node('conflict', { type: 'device_removed' })]));
  }

  /** The same device logged in on another connection. */
  endReplaced(): void {
    this.#end(node('stream:error', {}, [node('conflict', { type: 'replaced' })]));
  }

  endStream(): void {
    this.#options.connection.close();
  }

  cut(): void {
    this.#options.connection.cut();
  }

  #end(last: BinaryNode): void {
    this.#options.connection.close(last);
  }

  #follow({ behaviour }: Course): void {
    const { connection } = this.#options;
    const { answerDelayMs = 0, silentFrom, whenOpen } = behaviour;
    clearTimeout(this.#ending);
    connection.delayMs = answerDelayMs;
    connection.isSilent = silentFrom === 'login' || (silentFrom === 'open' && this.#isOpen);
    if (!this.#isOpen || !whenOpen) return;
    this.#ending = setTimeout(() => {
      if (whenOpen.how === 'unlink') void this.unlink('phone').catch((error: unknown) => this.#fail(error));
      else endWith(connection, whenOpen);
    }, whenOpen.afterMs);
  }

  #fail(error: unknown): void {
    const { connection, instruments } = this.#options;
    instruments.connectionFailed(connection.id, error);
    connection.cut();
  }

  /** Others have claimed all of the device's prekeys but these. */
  async #claimPreKeys(left: number | undefined): Promise<void> {
    const { device } = this;
    if (left === undefined || !device || device.preKeys.count <= left) return;
    await this.directory.updateDevice(this.#jid, { preKeys: device.preKeys.last(left) });
  }

  async #answer(query: BinaryNode): Promise<void> {
    const { connection, instruments } = this.#options;
    if (query.attrs['type'] !== 'get' && query.attrs['type'] !== 'set') return;
    const answer = QUERIES[queryName(query)];
    if (!answer) {
      instruments.queryUnanswered(connection.id, queryName(query));
      connection.send(errorOf(query, 501, 'feature-not-implemented'));
      return;
    }
    try {
      const { reply, afterwards } = await answer(query, this);
      connection.send(reply);
      await afterwards?.();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      instruments.rejected(connection.id, error);
      connection.send(errorOf(query, 406, 'not-acceptable'));
    }
  }
}

function seconds(): string {
  return String(Math.floor(Date.now() / 1000));
}
