import type { Content } from './message-content.ts';

/** A message as a phone shows it. */
export type MessageView = MessageHead & Content;

interface MessageHead {
  readonly id: string;
  readonly direction: 'in' | 'out';
  /** The other one's phone number. */
  readonly peer: string;
  /** ms since the epoch. */
  readonly at: number;
  /** Of one's own messages: how far they have got. */
  readonly status?: MessageStatus;
}

export type MessageStatus = 'sent' | 'delivered' | 'read';

const MAX_MESSAGES = 200;
const ORDER: readonly MessageStatus[] = ['sent', 'delivered', 'read'];

/** What each phone shows of its chats: the latest messages, in memory. */
export class Chats {
  readonly #messages = new Map<string, MessageView[]>();

  /** Oldest first. */
  of(phoneId: string): readonly MessageView[] {
    return this.#messages.get(phoneId) ?? [];
  }

  find(phoneId: string, messageId: string): MessageView | undefined {
    return this.of(phoneId).find(({ id }) => id === messageId);
  }

  /** A message that came before, as a retry does, is not shown twice. */
  add(phoneId: string, message: MessageView): void {
    if (this.find(phoneId, message.id)) return;
    this.#messages.set(phoneId, [...this.of(phoneId), message].slice(-MAX_MESSAGES));
  }

  /** Never goes back: a late delivery does not undo that it was read. */
  setStatus(phoneId: string, messageId: string, status: MessageStatus): void {
    const messages = this.of(phoneId).map((message) => {
      if (message.id !== messageId || message.status === undefined) return message;
      return ORDER.indexOf(status) > ORDER.indexOf(message.status) ? { ...message, status } : message;
    });
    this.#messages.set(phoneId, messages);
  }
}
