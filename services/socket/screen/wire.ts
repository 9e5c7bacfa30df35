import type { Socket } from 'node:net';
import type { MarketplaceSocket } from '../admission/marketplace-socket.ts';
import type { CorkedWrites } from './corked-writes.ts';

type Connection = MarketplaceSocket['conn'];

/** A `WebSocket` of `ws`, which Engine.IO's own transport sends its frames through in the same way. */
interface WebSocket {
  readonly readyState: number;
  readonly bufferedAmount: number;
  terminate(): void;
  readonly _socket: Socket;
  readonly _sender: { sendFrame(list: readonly Buffer[]): void };
}

/** What of Engine.IO's connection is needed here and its types keep private. */
interface Wire {
  readonly readyState: string;
  readonly writeBuffer: readonly { readonly data?: string | Uint8Array }[];
  /** Over polling there is no socket. */
  readonly transport: { readonly writable: boolean; readonly socket?: WebSocket };
  close(discard: boolean): void;
}

const WEBSOCKET_OPEN = 1;

function wireOf(conn: Connection): Wire {
  return conn as unknown as Wire;
}

/** Bytes that wait for the browser: over polling in Engine.IO's buffer, over WebSocket what the kernel does not take. */
export function bufferedBytes(conn: Connection): number {
  const { writeBuffer, transport } = wireOf(conn);
  let bytes = transport.socket?.bufferedAmount ?? 0;
  for (const { data } of writeBuffer) bytes += data?.length ?? 0;
  return bytes;
}

/** Ends the connection without a closing handshake, which would wait behind everything that is not read. */
export function cut(conn: Connection): void {
  const wire = wireOf(conn);
  if (wire.transport.socket) wire.transport.socket.terminate();
  else wire.close(true);
}

/**
 * Writes WebSocket frames as they are, past Engine.IO, at once or together with others. False, and nothing is written, over
 * polling, while packets of Engine.IO are under way, which must come first, and when the connection is closing.
 */
export function writeFrames(conn: Connection, frames: Buffer, writes?: CorkedWrites): boolean {
  const { readyState, writeBuffer, transport } = wireOf(conn);
  const { socket } = transport;
  if (socket?.readyState !== WEBSOCKET_OPEN || readyState !== 'open') return false;
  if (!transport.writable || writeBuffer.length > 0) return false;
  writes?.cork(socket._socket);
  socket._sender.sendFrame([frames]);
  return true;
}
