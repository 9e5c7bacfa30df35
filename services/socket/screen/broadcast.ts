import type { MarketplaceNamespace } from '../admission/marketplace-socket.ts';
import type { CorkedWrites } from './corked-writes.ts';
import type { Emit } from './session-emits.ts';
import { toTextFrames } from './text-frames.ts';
import { writeFrames } from './wire.ts';

/**
 * What a packet of Socket.IO begins with on the wire: Engine.IO's type of a message, then Socket.IO's type of an event
 * without attachments. https://socket.io/docs/v4/engine-io-protocol/ and https://socket.io/docs/v4/socket-io-protocol/
 */
const MESSAGE = '4';
const EVENT = '2';

export interface Broadcast {
  /** The Socket.IO room. */
  readonly room: string;
  readonly emits: readonly Emit[];
  /** Ids of those in it who get nothing. */
  readonly except?: ReadonlySet<string> | undefined;
  /** Writes it together with others; at once unless given. */
  readonly writes?: CorkedWrites;
}

/**
 * Sends all `emits`, in their order, to everybody in the room. They are encoded once, and over WebSocket they leave in one
 * write for each browser. Socket.IO would make a write of each packet and wait for one to be through before the next: the
 * system call and that are most of what an emit costs.
 */
export function broadcast(namespace: MarketplaceNamespace, { room, emits, except, writes }: Broadcast): void {
  const ids = namespace.adapter.rooms.get(room);
  if (!ids) return;
  const prefix = `${MESSAGE}${EVENT}${namespace.name},`;
  const messages = emits.map((emit) => prefix + JSON.stringify(emit));
  const frames = toTextFrames(messages);
  for (const id of ids) {
    const conn = except?.has(id) === true ? undefined : namespace.sockets.get(id)?.conn;
    if (!conn || writeFrames(conn, frames, writes)) continue;
    for (const message of messages) conn.write(message.slice(MESSAGE.length));
  }
}
