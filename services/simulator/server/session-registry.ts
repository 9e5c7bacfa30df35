import type { Session } from './session.ts';

/** The connected devices, by JID. One connection a device: a later login replaces the earlier one. */
export class SessionRegistry {
  readonly #sessions = new Map<string, Session>();

  of(jid: string): Session | undefined {
    return this.#sessions.get(jid);
  }

  has(jid: string): boolean {
    return this.#sessions.has(jid);
  }

  add(jid: string, session: Session): void {
    this.#sessions.get(jid)?.endReplaced();
    this.#sessions.set(jid, session);
  }

  /** Keeps the entry when another session has replaced this one. */
  remove(jid: string, session: Session): void {
    if (this.#sessions.get(jid) === session) this.#sessions.delete(jid);
  }
}
