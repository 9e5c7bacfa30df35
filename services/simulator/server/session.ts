import type { SimulatorInstruments } from '../instruments.ts';
import type { Directory } from '../people/directory.ts';
import { jidOf, type Device } from '../people/stored-state.ts';
import { errorOf, node, type BinaryNode } from '../protocol/node.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { Course } from '../scenario-desk.ts';
import type { Connection } from './connection.ts';
import { endWith } from './ending.ts';
import { QUERIES, queryName } from './queries.ts';

export interface SessionOptions {
  readonly connection: Connection;
  readonly course: Course;
  readonly directory: Directory;
  readonly instruments: SimulatorInstruments;
  /** As it was at login. */
  readonly device: Device;
  /** The device's address by LID. */
  readonly lid: string;
}

/** A linked device that is logged in. */
export class Session {
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
    await this.#claimPreKeys(course.behaviour.preKeysLeft);
    course.watch(() => this.#follow(course));
    connection.send(node('success', { t: String(Math.floor(Date.now() / 1000)), lid }));
    try {
      for await (const stanza of connection.stanzas()) {
        if (stanza.tag === 'iq') await this.#answer(stanza);
      }
    } finally {
      clearTimeout(this.#ending);
    }
  }

  /** The device has everything that it waits for before it calls itself open. */
  becomeOpen(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#follow(this.#options.course);
  }

  /** The device wants its backlog, which is empty. Clients hold their events back until they are told so. */
  announceBacklog(): void {
    if (this.#backlogAnnounced) return;
    this.#backlogAnnounced = true;
    this.#options.connection.send(node('ib', {}, [node('offline', { count: '0' })]));
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
    if (left === undefined || !device || device.preKeys <= left) return;
    await this.directory.updateKeys(this.#jid, { preKeys: left });
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
