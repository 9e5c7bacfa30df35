import type { StoredEvent } from '../../../shared/bus/last-event.ts';
import type { CompanyId } from '../../../shared/contract/company-id.ts';
import { decodeEvent, stateOf } from '../../../shared/contract/decode-event.ts';
import type { SessionState } from '../../../shared/contract/session-state.ts';
import type { Rooms } from '../rooms.ts';
import { seenPositionOf, type ShownState } from '../screen/session-emits.ts';

/** What `GET /status` answers. `state` is null for a company that nothing was ever heard of. */
export interface Status {
  readonly connected: boolean;
  readonly state: SessionState | null;
  readonly phone: string | null;
  /** With a state: as in `session-state`. */
  readonly sessionId?: string;
  /** The state's place in the company's order, so that a client never goes back; absent for an event published by hand. */
  readonly epoch?: number;
  readonly seq?: number;
  /** With epoch and seq: a client that forgot the stream would take those of a new one for older. */
  readonly stream?: number;
}

export interface StatusParts {
  readonly rooms: Rooms;
  readonly read: (companyId: CompanyId) => Promise<StoredEvent | undefined>;
  /** When the stream was created, in ms since the epoch, if known. */
  readonly streamCreatedAtMs: () => number | undefined;
}

/**
 * Where a company stands: what its browsers here are shown, else what the stream holds.
 * @throws BusError when the stream must be read and cannot be.
 */
export async function readStatus(
  companyId: CompanyId,
  { rooms, read, streamCreatedAtMs }: StatusParts,
): Promise<Status> {
  const shown = rooms.get(companyId)?.shown;
  if (shown) return toStatus(shown);
  const stored = await read(companyId);
  const decoded = stored && decodeEvent(companyId, stored.body);
  return toStatus(decoded?.ok ? { event: decoded.event, stream: streamCreatedAtMs() } : undefined);
}

function toStatus(stands: Pick<ShownState, 'event' | 'stream'> | undefined): Status {
  if (!stands) return { connected: false, state: null, phone: null };
  const { event } = stands;
  const state = stateOf(event);
  return {
    connected: state === 'connected',
    state,
    phone: event.phoneNumber ?? null,
    sessionId: event.companyId,
    ...seenPositionOf(stands),
  };
}
