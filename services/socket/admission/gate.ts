import type { Server } from 'node:http';
import type { TokenVerifier } from '../auth.ts';
import type { Clock } from '../clock.ts';
import type { SocketConfig } from '../config.ts';
import type { Limits } from '../limits.ts';
import type { Rooms } from '../rooms.ts';
import type { ConnectionInstruments } from '../telemetry/connection-instruments.ts';
import { Admission } from './admission.ts';
import { ClientAddresses } from './client-address.ts';
import { sendAway } from './farewell.ts';
import { Handshakes } from './handshakes.ts';
import type { MarketplaceNamespace } from './marketplace-socket.ts';
import type { Origins } from './origins.ts';
import { createSocketServer } from './socket-server.ts';

export interface GateParts {
  readonly config: SocketConfig;
  readonly limits: Limits;
  readonly origins: Origins;
  readonly verifier: TokenVerifier;
  readonly rooms: Rooms;
  readonly clock: Clock;
  readonly instruments: ConnectionInstruments;
}

export interface Gate {
  readonly namespace: MarketplaceNamespace;
  readonly handshakes: Handshakes;
  /** Lets nobody in any more and sends those that are in elsewhere, within the time of the limits. */
  readonly clear: () => Promise<void>;
}

/** Lets browsers in. Whoever is in at the end of the stack is sent away. */
export function openGate(stack: AsyncDisposableStack, http: Server, parts: GateParts): Gate {
  const { config, limits, origins, verifier, rooms, clock, instruments } = parts;
  const handshakes = new Handshakes({
    origins,
    verifier,
    rooms,
    instruments,
    addresses: new ClientAddresses(config.trustedProxies),
    admission: new Admission({
      perMinute: config.connectionsPerMinute,
      now: () => clock.monotonicMs(),
      maxRemembered: limits.maxRememberedVisitors,
      graceMs: limits.admissionGraceMs,
    }),
    maxSockets: limits.maxSockets,
    maxPerCompany: limits.maxSocketsPerCompany,
  });
  const { namespace, close } = createSocketServer(http, { origins, handshakes, instruments, limits });
  stack.defer(close);
  instruments.watch({ rooms: () => rooms.openCount, sockets: () => namespace.sockets.values() });
  const clear = () => {
    handshakes.stop();
    return sendAway(namespace, { withinMs: limits.drainMs, patienceMs: limits.closeTimeoutMs });
  };
  return { namespace, handshakes, clear };
}
