import { normalizeMessageContent, type WAMessage } from '@whiskeysockets/baileys';
import { lidOf, parseAddress, phoneNumberOf } from './address.ts';
import type { ReceivedMessage, Sender } from './received-message.ts';

/**
 * The text or reaction in what Baileys received; `undefined` for everything else: one's own messages, groups, channels,
 * status, media, and protocol messages.
 */
export function toReceivedMessage(message: WAMessage): ReceivedMessage | undefined {
  const { key } = message;
  const from = toSender(message);
  if (key.fromMe || !key.id || !from) return undefined;
  const head = { id: key.id, from, timestamp: toMillis(message.messageTimestamp) };
  // Unwraps disappearing and view-once messages.
  const content = normalizeMessageContent(message.message);
  const text = content?.conversation ?? content?.extendedTextMessage?.text;
  if (text) return { type: 'text', ...head, text };
  const { key: target, text: emoji } = content?.reactionMessage ?? {};
  return target?.id ? { type: 'reaction', ...head, targetId: target.id, emoji: emoji ?? '' } : undefined;
}

/** Both addresses when WhatsApp sent both: the one the chat is kept under and the alternative. */
function toSender({ key, pushName }: WAMessage): Sender | undefined {
  const addresses = [key.remoteJid, key.remoteJidAlt].map((jid) => parseAddress(jid ?? undefined));
  const phoneNumber = addresses.map(phoneNumberOf).find((number) => number !== undefined);
  const lid = addresses.map(lidOf).find((user) => user !== undefined);
  if (phoneNumber === undefined && lid === undefined) return undefined;
  return {
    ...(phoneNumber !== undefined && { phoneNumber }),
    ...(lid !== undefined && { lid }),
    ...(pushName && { name: pushName.slice(0, 256) }),
  };
}

/** WhatsApp counts seconds, in a protobuf integer. */
function toMillis(seconds: WAMessage['messageTimestamp']): number {
  return seconds ? Number(seconds) * 1000 : Date.now();
}
