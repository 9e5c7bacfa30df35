import { DebugEvents, Events, type Status } from 'nats';
import type { BusError } from './bus-error.ts';

/** Why a connection ended: the `reason` label of `nats_client_disconnects_total`. */
export type DisconnectReason =
  /** The socket closed: the server went away or cut this client off. */
  | 'lost'
  /** The server did not answer pings: a dead link that nobody closed. */
  | 'stale'
  /** `forceReconnect` was called. */
  | 'forced';

/** What happens to a connection, in order. `server` is host and port. */
export type ConnectionStatus =
  /** The first connect did not succeed yet and is tried again. */
  | { readonly kind: 'waiting'; readonly attempt: number; readonly error: BusError }
  | { readonly kind: 'connected'; readonly server: string }
  | { readonly kind: 'disconnected'; readonly server: string; readonly reason: DisconnectReason }
  /** One attempt to reach a server again. */
  | { readonly kind: 'reconnecting'; readonly server: string }
  /** Connected again, all subscriptions in place. What was published meanwhile did not reach them. */
  | { readonly kind: 'reconnected'; readonly server: string }
  /** The server gave up on this client because it reads too slowly: messages are missing. */
  | { readonly kind: 'slow-consumer' }
  /** The server shuts down in order and asks its clients to move. */
  | { readonly kind: 'lame-duck'; readonly server: string }
  | { readonly kind: 'servers-changed'; readonly added: readonly string[]; readonly deleted: readonly string[] }
  /** The server refused something, such as a subject that the permissions do not cover. */
  | { readonly kind: 'error'; readonly code: string; readonly message: string }
  /** A listener of this connection threw. */
  | { readonly kind: 'listener-failed'; readonly error: unknown }
  /** The end. `error` is absent when the connection was drained by its owner. */
  | { readonly kind: 'closed'; readonly error?: unknown };

export interface ConnectionObserver {
  onStatus(status: ConnectionStatus): void;
}

/**
 * Translates the client library's status events, which spread the reason of a disconnect over two of them and leave
 * out the server's words.
 */
export class StatusTranslator {
  #reason: DisconnectReason = 'lost';

  /** Answers `undefined` for events that say nothing to anybody. `serverWords` is the text of the last `-ERR`. */
  translate(status: Status, serverWords: string | undefined): ConnectionStatus | undefined {
    const server = typeof status.data === 'object' ? '' : String(status.data);
    switch (status.type) {
      case Events.Disconnect: {
        const reason = this.#reason;
        this.#reason = 'lost';
        return { kind: 'disconnected', server, reason };
      }
      case Events.Reconnect:
        return { kind: 'reconnected', server };
      case Events.Update:
        return serversChanged(status.data);
      case Events.LDM:
        return { kind: 'lame-duck', server };
      case Events.Error:
        return /slow consumer/i.test(serverWords ?? '')
          ? { kind: 'slow-consumer' }
          : { kind: 'error', code: server, message: describe(status, serverWords) };
      case DebugEvents.Reconnecting:
        return { kind: 'reconnecting', server };
      case DebugEvents.StaleConnection:
        this.#reason = 'stale';
        return undefined;
      case DebugEvents.ClientInitiatedReconnect:
        this.#reason = 'forced';
        return undefined;
      case DebugEvents.PingTimer:
        return undefined;
    }
  }
}

function serversChanged(change: Status['data']): ConnectionStatus | undefined {
  if (typeof change !== 'object' || (change.added.length === 0 && change.deleted.length === 0)) return undefined;
  return { kind: 'servers-changed', added: change.added, deleted: change.deleted };
}

function describe({ data, permissionContext }: Status, serverWords: string | undefined): string {
  if (permissionContext) return `permission denied: ${permissionContext.operation} to ${permissionContext.subject}`;
  return serverWords ?? JSON.stringify(data);
}
