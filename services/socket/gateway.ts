import type { Position } from '../../shared/contract/position.ts';
import type { MarketplaceNamespace, MarketplaceSocket } from './admission/marketplace-socket.ts';
import type { Clock } from './clock.ts';
import type { Rooms, Viewer } from './rooms.ts';
import type { Emitter } from './screen/emitter.ts';
import type { ConnectionInstruments } from './telemetry/connection-instruments.ts';
import { showOnJoin, type JoinOptions } from './upstream/join.ts';
import type { SessionCommands } from './upstream/session-commands.ts';

export interface GatewayOptions {
  readonly namespace: MarketplaceNamespace;
  readonly rooms: Rooms;
  readonly emitter: Emitter;
  readonly commands: SessionCommands;
  readonly join: JoinOptions;
  readonly clock: Clock;
  readonly instruments: ConnectionInstruments;
}

/** `setTimeout` fires at once beyond this. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** Shown to salon owners by existing clients verbatim. */
const TOKEN_EXPIRED = 'Срок действия ссылки истёк. Обновите страницу.';

/** Takes authenticated browsers into the room of the company that their token names, for as long as the token is valid. */
export function welcomeBrowsers(options: GatewayOptions): void {
  options.namespace.on('connection', (socket) => welcome(socket, options));
}

function welcome(socket: MarketplaceSocket, options: GatewayOptions): void {
  const { rooms, emitter, commands, join, clock, instruments } = options;
  const { companyId, expiresAtMs } = socket.data.identity;
  const viewer = toViewer(socket, clock.wallMicros());
  const room = rooms.enter(companyId, viewer);
  // The in-memory adapter joins at once: from here on every live event reaches this browser.
  void socket.join(room.name);
  instruments.accepted(companyId, socket.conn.transport.name);

  const left = new AbortController();
  socket.once('disconnect', (reason) => {
    left.abort();
    rooms.leave(room, viewer);
    instruments.ended(companyId, reason);
  });
  runAt(expiresAtMs, left.signal, () => {
    emitter.error(viewer, TOKEN_EXPIRED, 'TOKEN_EXPIRED');
    socket.disconnect(true);
  });
  // None of the commands rejects.
  const settled = showOnJoin(room, left.signal, join);
  void commands.start(room, viewer, settled);
  socket.on('request-qr', () => void commands.requestQr(room, viewer));
  socket.on('request-pairing-code', (payload) => void commands.requestPairingCode(room, viewer, phoneOf(payload)));
}

/** Whatever a client sends. */
function phoneOf(payload: unknown): unknown {
  return typeof payload === 'object' && payload !== null && 'phoneNumber' in payload ? payload.phoneNumber : undefined;
}

function toViewer({ id, handshake }: MarketplaceSocket, joinedAtUs: number): Viewer {
  const { seen, waitingSince } = handshake.auth as { seen?: unknown; waitingSince?: unknown };
  const waitingSinceMs = Number.isSafeInteger(waitingSince) ? (waitingSince as number) : undefined;
  return { id, seen: toPosition(seen), joinedAtUs, waitingSinceMs };
}

/** The client's word about itself: what is no position is none. */
function toPosition(seen: unknown): Position | undefined {
  if (typeof seen !== 'object' || seen === null || !('epoch' in seen) || !('seq' in seen)) return undefined;
  const { epoch, seq } = seen;
  return isPositive(epoch) && isPositive(seq) ? { epoch, seq } : undefined;
}

function isPositive(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

/** Runs at a time of the wall clock, in ms since the epoch, however far away, unless aborted before. */
function runAt(atMs: number, signal: AbortSignal, run: () => void): void {
  const leftMs = atMs - Date.now();
  const timer = setTimeout(
    () => (leftMs > LONGEST_TIMER_MS ? runAt(atMs, signal, run) : run()),
    Math.min(Math.max(0, leftMs), LONGEST_TIMER_MS),
  );
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
}
