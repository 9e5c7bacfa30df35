import type { SeenPosition } from '../../shared/contract/socket-events.ts';
import { forgetHandshake } from './admission/forget-handshake.ts';
import type { Handshakes } from './admission/handshakes.ts';
import type { MarketplaceNamespace, MarketplaceSocket } from './admission/marketplace-socket.ts';
import type { RequestLimits } from './admission/request-limits.ts';
import { TokenLeases } from './admission/token-leases.ts';
import { BrowserRequests } from './browser-requests.ts';
import type { Clock } from './clock.ts';
import type { Rooms, Viewer } from './rooms.ts';
import type { Acknowledgements } from './screen/acknowledgements.ts';
import type { BackPressure } from './screen/back-pressure.ts';
import type { Emitter } from './screen/emitter.ts';
import type { GatewayStatus } from './screen/gateway-status.ts';
import type { ConnectionInstruments } from './telemetry/connection-instruments.ts';
import type { Joins } from './upstream/joins.ts';
import type { SessionCommands } from './upstream/session-commands.ts';

export interface GatewayOptions {
  readonly namespace: MarketplaceNamespace;
  readonly handshakes: Handshakes;
  readonly rooms: Rooms;
  readonly emitter: Emitter;
  readonly acknowledgements: Acknowledgements;
  readonly backPressure: BackPressure;
  readonly status: GatewayStatus;
  readonly limits: RequestLimits;
  readonly commands: SessionCommands;
  readonly joins: Joins;
  readonly clock: Clock;
  readonly instruments: ConnectionInstruments;
}

/** Shown to salon owners by existing clients verbatim. */
const TOKEN_EXPIRED = 'Срок действия ссылки истёк. Обновите страницу.';

/** Takes authenticated browsers into the room of the company that their token names, for as long as the token is valid. */
export function welcomeBrowsers(stack: AsyncDisposableStack, options: GatewayOptions): void {
  const { namespace, handshakes, emitter } = options;
  const onExpired = (socket: MarketplaceSocket) => {
    emitter.error(socket.data.viewer, TOKEN_EXPIRED, 'TOKEN_EXPIRED');
    socket.disconnect(true);
  };
  const renew = (socket: MarketplaceSocket, token: string | undefined) => handshakes.renew(socket, token);
  const leases = stack.use(new TokenLeases({ namespace, renew, onExpired }));
  const requests = new BrowserRequests({ ...options, leases });
  // One listener for all browsers: with a closure each an idle one would cost kilobytes more.
  function onRequest(this: MarketplaceSocket, name: string, ...values: unknown[]): void {
    // A packet may be decoded together with the one that ended the connection.
    if (this.connected) requests.take(this, { name, values });
  }
  function onDisconnect(this: MarketplaceSocket, reason: string): void {
    takeLeave(this, reason, options);
  }
  namespace.on('connection', (socket) => {
    socket.on('disconnect', onDisconnect);
    socket.onAny(onRequest);
    leases.hold(socket);
    welcome(socket, options);
  });
}

function welcome(socket: MarketplaceSocket, options: GatewayOptions): void {
  const { rooms, commands, joins, status, clock, instruments } = options;
  const { companyId } = socket.data.identity;
  const viewer = toViewer(socket, clock.wallMicros());
  const room = rooms.enter(companyId, viewer);
  // The in-memory adapter joins at once: from here on every live event reaches this browser.
  void socket.join(room.name);
  Object.assign(socket.data, { room, viewer });
  forgetHandshake(socket);
  instruments.accepted(companyId, socket.conn.transport.name);
  status.greet(viewer);
  // Neither rejects.
  const settled = joins.show(room, viewer);
  void commands.start(room, viewer, settled);
}

function takeLeave(socket: MarketplaceSocket, reason: string, options: GatewayOptions): void {
  const { handshakes, rooms, acknowledgements, backPressure, status, instruments } = options;
  const { room, viewer } = socket.data;
  handshakes.left(socket);
  rooms.leave(room, viewer);
  acknowledgements.forget(viewer);
  status.left(viewer);
  instruments.ended(room.companyId, backPressure.hasCut(socket) ? 'slow reader' : reason);
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
