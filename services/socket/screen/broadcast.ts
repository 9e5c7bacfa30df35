import type { MarketplaceNamespace } from '../admission/marketplace-socket.ts';
import type { Emit } from './session-emits.ts';
import { toTextFrames } from './text-frames.ts';

/** Socket.IO's packet type of an event without attachments: https://socket.io/docs/v4/socket-io-protocol/ */
const EVENT = '2';
/** Engine.IO's packet type that carries all of Socket.IO's: https://socket.io/docs/v4/engine-io-protocol/ */
const MESSAGE = '4';

/** What Engine.IO takes in `write` and its types keep private: the bytes to send in place of the data, over WebSocket. */
interface WriteOptions {
  readonly wsPreEncodedFrame?: readonly Buffer[];
}

/**
 * Sends all `emits`, in their order, to everybody in the Socket.IO room but those whose ids are in `except`. They are
 * encoded once, and over WebSocket they leave in one write for each browser: the system call is most of what an emit
 * costs, and Socket.IO makes one for each packet.
 *
 * Needs `perMessageDeflate` to be off: Engine.IO ignores frames made beforehand otherwise.
 */
export function broadcast(
  namespace: MarketplaceNamespace,
  { room, emits, except }: { room: string; emits: readonly Emit[]; except?: ReadonlySet<string> | undefined },
): void {
  const ids = namespace.adapter.rooms.get(room);
  const [first, ...rest] = emits.map((emit) => `${EVENT}${namespace.name},${JSON.stringify(emit)}`);
  if (!ids || first === undefined) return;
  let options: WriteOptions | undefined;
  for (const id of ids) {
    const conn = except?.has(id) ? undefined : namespace.sockets.get(id)?.conn;
    if (conn?.transport.name === 'websocket') {
      options ??= { wsPreEncodedFrame: [toTextFrames([first, ...rest].map((packet) => MESSAGE + packet))] };
      // A connection over WebSocket never goes back to polling, so nothing but the frames is ever sent.
      conn.write(first, options as object);
    } else {
      for (const packet of [first, ...rest]) conn?.write(packet);
    }
  }
}
