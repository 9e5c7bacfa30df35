import type { BinaryNode } from '@whiskeysockets/baileys';

export type { BinaryNode };

/** The address of the server itself. */
export const SERVER_JID = '@s.whatsapp.net';

export function node(
  tag: string,
  attrs: Readonly<Record<string, string>> = {},
  content?: BinaryNode['content'],
): BinaryNode {
  return content === undefined ? { tag, attrs: { ...attrs } } : { tag, attrs: { ...attrs }, content };
}

export function childrenOf(parent: BinaryNode | undefined): readonly BinaryNode[] {
  return Array.isArray(parent?.content) ? parent.content : [];
}

export function childOf(parent: BinaryNode | undefined, tag: string): BinaryNode | undefined {
  return childrenOf(parent).find((child) => child.tag === tag);
}

/** The content bytes of a leaf, or `undefined` when it has children or nothing. */
export function bytesOf(leaf: BinaryNode | undefined): Buffer | undefined {
  if (typeof leaf?.content === 'string') return Buffer.from(leaf.content);
  return leaf?.content instanceof Uint8Array ? Buffer.from(leaf.content) : undefined;
}

/** The answer to an info query: its content, or nothing. */
export function resultOf(query: BinaryNode, content?: readonly BinaryNode[]): BinaryNode {
  return node('iq', { id: query.attrs['id'] ?? '', type: 'result', from: SERVER_JID }, content && [...content]);
}

export function errorOf(query: BinaryNode, code: number, text: string): BinaryNode {
  const error = node('error', { code: String(code), text });
  return node('iq', { id: query.attrs['id'] ?? '', type: 'error', from: SERVER_JID }, [error]);
}
