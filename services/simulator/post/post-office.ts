import type { BinaryNode } from '../protocol/node.ts';

/** The oldest are dropped first. */
const MAX_WAITING = 1_000;

/** Takes what is for a device at the moment when it is connected and ready. */
export interface Mailbox {
  take(stanza: BinaryNode): void;
}

/** Messages on their way to devices: kept in memory, in order, until the device has said that it has them. */
export class PostOffice {
  readonly #waiting = new Map<string, Map<string, BinaryNode>>();
  readonly #mailboxes = new Map<string, Mailbox>();

  /** Delivers now, or when the device is there again. A stanza of the same id replaces the earlier one. */
  deliver(jid: string, stanza: BinaryNode): void {
    const waiting = this.#waiting.get(jid) ?? new Map<string, BinaryNode>();
    this.#waiting.set(jid, waiting);
    const id = stanza.attrs['id'] ?? '';
    waiting.delete(id);
    waiting.set(id, stanza);
    const [oldest] = waiting.keys();
    if (oldest !== undefined && waiting.size > MAX_WAITING) waiting.delete(oldest);
    this.#mailboxes.get(jid)?.take(stanza);
  }

  /** The device has it, or never will. */
  settle(jid: string, id: string): void {
    this.#waiting.get(jid)?.delete(id);
  }

  /** What waits for the device, oldest first. */
  waitingFor(jid: string): BinaryNode[] {
    return [...(this.#waiting.get(jid)?.values() ?? [])];
  }

  /** From now on the device takes everything at once. */
  open(jid: string, mailbox: Mailbox): void {
    this.#mailboxes.set(jid, mailbox);
  }

  /** The device is away; another connection of it stays. */
  close(jid: string, mailbox: Mailbox): void {
    if (this.#mailboxes.get(jid) === mailbox) this.#mailboxes.delete(jid);
  }

  /** The device is gone for good. */
  forget(jid: string): void {
    this.#waiting.delete(jid);
    this.#mailboxes.delete(jid);
  }
}
