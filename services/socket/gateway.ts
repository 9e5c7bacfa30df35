import type { SeenPosition } from '../../shared/contract/socket-events.ts';
import { forgetHandshake } from './admission/forget-handshake.ts';
import type { MarketplaceNamespace, MarketplaceSocket } from './admission/marketplace-socket.ts';
import type { RequestLimits } from './admission/request-limits.ts';
import { holdToken, isAcknowledge, type TokenLeaseOptions } from './admission/token-lease.ts';
import type { Clock } from './clock.ts';
import type { Room, Rooms, Viewer } from './rooms.ts';
import type { Acknowledgements } from './screen/acknowledgements.ts';
import type { BackPressure } from './screen/back-pressure.ts';
import type { Emitter } from './screen/emitter.ts';
import type { GatewayStatus } from './screen/gateway-status.ts';
import type { ConnectionInstruments } from './telemetry/connection-instruments.ts';
import { showOnJoin, type JoinOptions } from './upstream/join.ts';
import type { SessionCommands } from './upstream/session-commands.ts';

export interface GatewayOptions {
  readonly namespace: MarketplaceNamespace;
  readonly rooms: Rooms;
  readonly emitter: Emitter;
  readonly acknowledgements: Acknowledgements;
  readonly backPressure: BackPressure;
  readonly status: GatewayStatus;
  readonly requests: RequestLimits;
  readonly renew: TokenLeaseOptions['renew'];
  readonly commands: SessionCommands;
  readonly join: JoinOptions;
  readonly clock: Clock;
  readonly instruments: ConnectionInstruments;
}

/** Shown to salon owners by existing clients verbatim. */
const TOKEN_EXPIRED = 'Срок действия ссылки истёк. Обновите страницу.';
const TOO_MANY_REQUESTS = 'Слишком много запросов. Подождите минуту.';

/** Takes authenticated browsers into the room of the company that their token names, for as long as the token is valid. */
export function welcomeBrowsers(options: GatewayOptions): void {
  options.namespace.on('connection', (socket) => welcome(socket, options));
}

function welcome(socket: MarketplaceSocket, options: GatewayOptions): void {
  const { rooms, emitter, commands, join, status, renew, clock, instruments } = options;
  const { companyId } = socket.data.identity;
  const viewer = toViewer(socket, clock.wallMicros());
  const room = rooms.enter(companyId, viewer);
  // The in-memory adapter joins at once: from here on every live event reaches this browser.
  void socket.join(room.name);
  instruments.accepted(companyId, socket.conn.transport.name);
  status.greet(viewer);
  forgetHandshake(socket);

  const left = followLeave(socket, room, { viewer, options });
  limitRequests(socket, room, { viewer, options });
  holdToken(socket, {
    left,
    renew,
    onExpired: () => {
      emitter.error(viewer, TOKEN_EXPIRED, 'TOKEN_EXPIRED');
      socket.disconnect(true);
    },
  });
  const onFailed = () => {
    status.unread(room, viewer);
    join.onFailed();
  };
  // None of the commands rejects.
  const settled = showOnJoin(room, left, { ...join, onFailed });
  void commands.start(room, viewer, settled);
  socket.on('request-qr', () => void commands.requestQr(room, viewer));
  socket.on('request-pairing-code', (payload) => void commands.requestPairingCode(room, viewer, phoneOf(payload)));
}

interface Visit {
  readonly viewer: Viewer;
  readonly options: GatewayOptions;
}

/** Aborted when the browser has left. */
function followLeave(socket: MarketplaceSocket, room: Room, { viewer, options }: Visit): AbortSignal {
  const { rooms, acknowledgements, backPressure, status, instruments } = options;
  const left = new AbortController();
  socket.once('disconnect', (reason) => {
    left.abort();
    rooms.leave(room, viewer);
    acknowledgements.forget(viewer);
    status.left(viewer);
    instruments.ended(room.companyId, backPressure.hasCut(socket) ? 'slow reader' : reason);
  });
  return left.signal;
}

/** Drops what a browser sends beyond its limit, whatever it is, and says so. */
function limitRequests(socket: MarketplaceSocket, room: Room, { viewer, options }: Visit): void {
  const { requests, emitter, instruments } = options;
  socket.use(([name, ...values], next) => {
    const verdict = requests.take(room, viewer);
    if (verdict === 'allowed') {
      next();
      return;
    }
    instruments.rejected('TOO_MANY_REQUESTS');
    if (verdict === 'flood') {
      socket.conn.close();
      return;
    }
    const acknowledge: unknown = values.at(-1);
    if (isAcknowledge(acknowledge)) acknowledge({ ok: false, code: 'TOO_MANY_REQUESTS', message: 'try later' });
    else if (name === 'request-pairing-code') emitter.pairingCodeError(viewer, 'REQUEST_IN_PROGRESS');
    else emitter.error(viewer, TOO_MANY_REQUESTS, 'TOO_MANY_REQUESTS');
  });
}

/** Whatever a client sends. */
function phoneOf(payload: unknown): unknown {
  return typeof payload === 'object' && payload !== null && 'phoneNumber' in payload ? payload.phoneNumber : undefined;
}

function toViewer({ id, handshake }: MarketplaceSocket, joinedAtUs: number): Viewer {
  const { seen, waitingSince, acknowledges } = handshake.auth as Readonly<Record<string, unknown>>;
  const waitingSinceMs = Number.isSafeInteger(waitingSince) ? (waitingSince as number) : undefined;
  return { id, seen: toPosition(seen), joinedAtUs, waitingSinceMs, acknowledges: acknowledges === true };
}

/** The client's word about itself: what is no position is none. */
function toPosition(seen: unknown): SeenPosition | undefined {
  if (typeof seen !== 'object' || seen === null || !('epoch' in seen) || !('seq' in seen)) return undefined;
  const { epoch, seq } = seen;
  if (!isPositive(epoch) || !isPositive(seq)) return undefined;
  return 'stream' in seen && isPositive(seen.stream) ? { epoch, seq, stream: seen.stream } : { epoch, seq };
}

function isPositive(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}
