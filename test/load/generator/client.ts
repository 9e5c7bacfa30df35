import { io } from 'socket.io-client';
import { WebSocket } from 'ws';
import { MARKETPLACE_NAMESPACE, type SessionStatePayload } from '../../../shared/contract/socket-events.ts';
import type { Arrival } from '../verdict.ts';

/** What a browser is told of. `atMs` is by the shared clock, taken when the packet arrived. */
export interface ClientObserver {
  onConnected(): void;
  onDisconnected(reason: string): void;
  onRefused(reason: string): void;
  /** A `whatsapp-connected` emit. */
  onConnectedEmit(): void;
  onState(arrival: Arrival, state: string): void;
}

/**
 * `socket.io` is the client that pages use. `packets` speaks its protocol and no more, `raw` gets bare events: for
 * measurements in which the client's own work must not count.
 */
export type ClientKind = 'socket.io' | 'packets' | 'raw';

export interface ClientOptions {
  readonly url: string;
  readonly token: string;
  readonly companyId: string;
}

/** Opens a browser that stays until its process ends. */
export function openClient(kind: ClientKind, options: ClientOptions, observer: ClientObserver): void {
  switch (kind) {
    case 'socket.io':
      openSocketIo(options, observer);
      break;
    case 'packets':
      openPackets(options, observer);
      break;
    case 'raw':
      openRaw(options, observer);
      break;
  }
}

function openSocketIo({ url, token }: ClientOptions, observer: ClientObserver): void {
  const socket = io(`${url}${MARKETPLACE_NAMESPACE}`, {
    transports: ['websocket'],
    forceNew: true,
    auth: { token },
    reconnectionDelay: 200,
    reconnectionDelayMax: 2000,
    timeout: 60_000,
  });
  socket.on('connect', () => observer.onConnected());
  socket.on('disconnect', (reason) => observer.onDisconnected(reason));
  socket.on('connect_error', (error) => observer.onRefused(error.message));
  socket.on('whatsapp-connected', () => observer.onConnectedEmit());
  socket.on('session-state', (payload: SessionStatePayload) => {
    const arrival = toArrival(payload);
    if (arrival) observer.onState(arrival, payload.state);
  });
}

function toArrival({ sessionId, epoch, seq }: SessionStatePayload): Arrival | undefined {
  return epoch === undefined || seq === undefined ? undefined : { companyId: sessionId, epoch, seq };
}

/** Engine.IO 4 over WebSocket: `0` open, `2` ping, `3` pong, `4` message; Socket.IO: `40` connect, `42` event, `44` error. */
function openPackets({ url, token }: ClientOptions, observer: ClientObserver): void {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/socket.io/?EIO=4&transport=websocket`, {
    perMessageDeflate: false,
  });
  socket.on('message', (message: Buffer) => {
    const text = message.toString('latin1');
    if (text === '2') socket.send('3');
    else if (text.startsWith('0')) socket.send(`40${MARKETPLACE_NAMESPACE},${JSON.stringify({ token })}`);
    else if (text.startsWith(`40${MARKETPLACE_NAMESPACE}`)) observer.onConnected();
    else if (text.startsWith(`44${MARKETPLACE_NAMESPACE}`)) observer.onRefused(text);
    else takePacket(message, observer);
  });
  socket.on('close', (code) => observer.onDisconnected(String(code)));
  socket.on('error', (error) => observer.onRefused(error.message));
}

const EVENT_PREFIX = `42${MARKETPLACE_NAMESPACE},`;

/** Tells of the event in a Socket.IO packet, if one is in it. */
export function takePacket(packet: Buffer, observer: Pick<ClientObserver, 'onConnectedEmit' | 'onState'>): void {
  if (packet.toString('latin1', 0, EVENT_PREFIX.length) !== EVENT_PREFIX) return;
  const [name, payload] = JSON.parse(packet.toString('utf8', EVENT_PREFIX.length)) as [string, SessionStatePayload];
  if (name === 'whatsapp-connected') observer.onConnectedEmit();
  // The replaced design has no `session-state`: its benchmark puts the position into the legacy event.
  const arrival = toArrival(payload);
  if (arrival) observer.onState(arrival, name === 'whatsapp-connected' ? 'connected' : payload.state);
}

function openRaw({ url, companyId }: ClientOptions, observer: ClientObserver): void {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/?company=${companyId}`, { perMessageDeflate: false });
  socket.on('open', () => observer.onConnected());
  socket.on('message', (message: Buffer) => takeRaw(message, observer));
  socket.on('close', (code) => observer.onDisconnected(String(code)));
  socket.on('error', (error) => observer.onRefused(error.message));
}

/** Tells of a bare event. */
export function takeRaw(message: Buffer, observer: Pick<ClientObserver, 'onConnectedEmit' | 'onState'>): void {
  observer.onConnectedEmit();
  const event = JSON.parse(message.toString('utf8')) as Arrival & { readonly state: string };
  observer.onState(event, event.state);
}
