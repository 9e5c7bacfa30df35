/** Who wrote: at least one of the two addresses is known. */
export interface Sender {
  readonly phoneNumber?: string;
  readonly lid?: string;
  readonly name?: string;
}

interface Head {
  /** WhatsApp's id, unique within the chat. */
  readonly id: string;
  readonly from: Sender;
  /** ms since the epoch, by WhatsApp's clock. */
  readonly timestamp: number;
}

/** What somebody wrote to the company: a text, or a reaction to a message. */
export type ReceivedMessage =
  | (Head & { readonly type: 'text'; readonly text: string })
  | (Head & { readonly type: 'reaction'; readonly targetId: string; readonly emoji: string });
