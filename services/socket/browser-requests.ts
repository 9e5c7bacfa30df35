import type { TokenRefreshReply } from '../../shared/contract/socket-events.ts';
import type { MarketplaceSocket } from './admission/marketplace-socket.ts';
import type { RequestLimits, RequestVerdict } from './admission/request-limits.ts';
import type { TokenLeases } from './admission/token-leases.ts';
import type { Emitter } from './screen/emitter.ts';
import type { ConnectionInstruments } from './telemetry/connection-instruments.ts';
import type { SessionCommands } from './upstream/session-commands.ts';

export interface BrowserRequestsOptions {
  readonly limits: RequestLimits;
  readonly leases: TokenLeases;
  readonly commands: SessionCommands;
  readonly emitter: Emitter;
  readonly instruments: ConnectionInstruments;
}

/** A packet of a client: whatever it sends. */
export interface BrowserRequest {
  readonly name: string;
  readonly values: readonly unknown[];
}

/** Shown to salon owners by existing clients verbatim. */
const TOO_MANY_REQUESTS = 'Слишком много запросов. Подождите минуту.';

type Acknowledge = (reply: TokenRefreshReply) => void;

/** What browsers ask for. */
export class BrowserRequests {
  readonly #options: BrowserRequestsOptions;

  constructor(options: BrowserRequestsOptions) {
    this.#options = options;
  }

  /** Takes what a browser in its room sends. Beyond its limit everything is dropped, whatever it is, and it is told so. */
  take(socket: MarketplaceSocket, request: BrowserRequest): void {
    const { limits, commands } = this.#options;
    const { room, viewer } = socket.data;
    const verdict = limits.take(room, viewer);
    if (verdict !== 'allowed') {
      this.#refuse(socket, request, verdict);
      return;
    }
    const [payload] = request.values;
    // None of the commands rejects.
    switch (request.name) {
      case 'request-qr':
        void commands.requestQr(room, viewer);
        break;
      case 'request-pairing-code':
        void commands.requestPairingCode(room, viewer, phoneOf(payload));
        break;
      case 'refresh-token':
        void this.#renew(socket, payload, acknowledgeOf(request));
        break;
    }
  }

  async #renew(socket: MarketplaceSocket, payload: unknown, acknowledge: Acknowledge | undefined): Promise<void> {
    const reply = await this.#options.leases.renew(socket, payload);
    acknowledge?.(reply);
  }

  #refuse(socket: MarketplaceSocket, request: BrowserRequest, verdict: Exclude<RequestVerdict, 'allowed'>): void {
    const { emitter, instruments } = this.#options;
    const { viewer } = socket.data;
    instruments.rejected('TOO_MANY_REQUESTS');
    if (verdict === 'flood') {
      socket.conn.close();
      return;
    }
    const acknowledge = acknowledgeOf(request);
    if (acknowledge) acknowledge({ ok: false, code: 'TOO_MANY_REQUESTS', message: 'try later' });
    else if (request.name === 'request-pairing-code') emitter.pairingCodeError(viewer, 'REQUEST_IN_PROGRESS');
    else emitter.error(viewer, TOO_MANY_REQUESTS, 'TOO_MANY_REQUESTS');
  }
}

/** Socket.IO's own function that answers the client, always the last; `undefined` when it wants no answer. */
function acknowledgeOf({ values }: BrowserRequest): Acknowledge | undefined {
  const last = values.at(-1);
  return isAcknowledge(last) ? last : undefined;
}

function isAcknowledge(value: unknown): value is Acknowledge {
  return typeof value === 'function';
}

function phoneOf(payload: unknown): unknown {
  return typeof payload === 'object' && payload !== null && 'phoneNumber' in payload ? payload.phoneNumber : undefined;
}
