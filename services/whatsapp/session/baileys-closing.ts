import type { WASocket } from '@whiskeysockets/baileys';

type Client = WASocket['ws'];

interface WebSocketLike {
  readonly readyState: number;
  once(event: 'close', listener: () => void): unknown;
  terminate(): void;
}

const CLOSED = 3;
/** How long the server may take to answer a close frame. */
const CLOSE_TIMEOUT_MS = 1_500;

/** Resolves when the WebSocket is gone. */
export function closedOf(client: Client): Promise<void> {
  const socket = webSocketOf(client);
  if (!socket || socket.readyState === CLOSED) return Promise.resolve();
  return new Promise((resolve) => {
    socket.once('close', resolve);
  });
}

/**
 * Baileys tells of a close only after the server has answered the close frame, for which `ws` waits 30 s; the server of
 * a line that was lost never does.
 */
export function boundClosing(client: Client): void {
  const close = client.close.bind(client);
  client.close = async () => {
    const timer = setTimeout(() => webSocketOf(client)?.terminate(), CLOSE_TIMEOUT_MS);
    try {
      await close();
    } finally {
      clearTimeout(timer);
    }
  };
}

/** The WebSocket inside Baileys' client, which keeps it to itself. */
function webSocketOf(client: Client): WebSocketLike | undefined {
  const socket: unknown = Reflect.get(client, 'socket');
  return typeof socket === 'object' && socket !== null ? (socket as WebSocketLike) : undefined;
}
