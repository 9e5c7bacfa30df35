import { randomInt } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import { proto } from '@whiskeysockets/baileys';
import { ProtocolError } from '../protocol/protocol-error.ts';

/** What a person says: a text, or an emoji on an earlier message; an empty emoji takes it back. */
export type Content = { readonly text: string } | { readonly reaction: Reaction };

export interface Reaction {
  readonly messageId: string;
  readonly emoji: string;
}

/** How the writer of a reaction sees the message that it is on. */
export interface ReactedTo {
  readonly remoteJid: string;
  readonly fromMe: boolean;
}

const MAX_PADDING = 16;

export function toMessage(content: Content, reactedTo: ReactedTo): proto.IMessage {
  if ('text' in content) return { conversation: content.text };
  const { messageId, emoji } = content.reaction;
  const key = { ...reactedTo, id: messageId };
  return { reactionMessage: { key, text: emoji, senderTimestampMs: Date.now() } };
}

/** What the other devices of the sender get of a message. */
export function toSentCopy(message: proto.IMessage, destinationJid: string): proto.IMessage {
  return { deviceSentMessage: { destinationJid, message } };
}

/** The first thing that a phone tells a new device: the names of its owner and of others, as a piece of history. */
export function toNamesMessage(names: readonly { readonly jid: string; readonly name: string }[]): proto.IMessage {
  const syncType = proto.HistorySync.HistorySyncType.PUSH_NAME;
  const pushnames = names.map(({ jid, name }) => ({ id: jid, pushname: name }));
  const history = proto.HistorySync.encode({ syncType, pushnames }).finish();
  return {
    protocolMessage: {
      type: proto.Message.ProtocolMessage.Type.HISTORY_SYNC_NOTIFICATION,
      historySyncNotification: {
        syncType: proto.Message.HistorySyncType.PUSH_NAME,
        initialHistBootstrapInlinePayload: deflateSync(history),
      },
    },
  };
}

/** Encoded, with 1 to 16 bytes behind it that each tell how many they are. */
export function pad(message: proto.IMessage, length: number = randomInt(1, MAX_PADDING + 1)): Buffer {
  return Buffer.concat([proto.Message.encode(message).finish(), Buffer.alloc(length, length)]);
}

/** @throws ProtocolError MESSAGE_INVALID */
export function unpad(padded: Buffer): proto.Message {
  const length = padded.at(-1) ?? 0;
  if (length < 1 || length > MAX_PADDING || length > padded.length) {
    throw new ProtocolError('MESSAGE_INVALID', 'the message is not padded');
  }
  try {
    return proto.Message.decode(padded.subarray(0, -length));
  } catch (cause) {
    throw new ProtocolError('MESSAGE_INVALID', 'not a message', { cause });
  }
}

export interface ReadContent {
  readonly content: Content;
  /** Whom the writer sent it to, when this is the copy for the writer's own devices. */
  readonly sentTo: string | undefined;
}

/** `undefined` for what the phones do not show: protocol messages, media, anything newer. */
export function readContent(message: proto.IMessage): ReadContent | undefined {
  const { deviceSentMessage } = message;
  const inner = deviceSentMessage?.message ?? message;
  const sentTo = deviceSentMessage?.destinationJid ?? undefined;
  const text = inner.conversation ?? inner.extendedTextMessage?.text;
  if (typeof text === 'string' && text !== '') return { content: { text }, sentTo };
  const { key, text: emoji } = inner.reactionMessage ?? {};
  if (typeof key?.id !== 'string') return undefined;
  return { content: { reaction: { messageId: key.id, emoji: emoji ?? '' } }, sentTo };
}
