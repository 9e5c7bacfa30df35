import type { SimulatorInstruments } from '../instruments.ts';
import type { Directory } from '../people/directory.ts';
import { jidOf, type Device } from '../people/stored-state.ts';
import { errorOf, node, type BinaryNode } from '../protocol/node.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { Connection } from './connection.ts';
import { QUERIES, queryName } from './queries.ts';

export interface SessionOptions {
  readonly connection: Connection;
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
    const { connection, lid } = this.#options;
    connection.send(node('success', { t: String(Math.floor(Date.now() / 1000)), lid }));
    for await (const stanza of connection.stanzas()) {
      if (stanza.tag === 'iq') await this.#answer(stanza);
    }
  }

  /** The device wants its backlog, which is empty. Clients hold their events back until they are told so. */
  announceBacklog(): void {
    if (this.#backlogAnnounced) return;
    this.#backlogAnnounced = true;
    this.#options.connection.send(node('ib', {}, [node('offline', { count: '0' })]));
  }

  /** The device asked to be unlinked. */
  async unlink(): Promise<void> {
    const { directory, instruments, device } = this.#options;
    await directory.removeDevice(device);
    instruments.unlinked(device, 'device');
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
