import type { StoredEvent } from '../../../shared/bus/last-event.ts';
import type { CompanyId } from '../../../shared/contract/company-id.ts';
import { decodeEvent, stateOf } from '../../../shared/contract/decode-event.ts';
import type { SessionEvent } from '../../../shared/contract/events.ts';
import { positionOf } from '../../../shared/contract/position.ts';
import type { SessionState } from '../../../shared/contract/session-state.ts';
import type { Rooms } from '../rooms.ts';

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
}

/**
 * Where a company stands: what its browsers here are shown, else what the stream holds.
 * @throws BusError when the stream must be read and cannot be.
 */
export async function readStatus(
  companyId: CompanyId,
  rooms: Rooms,
  read: (companyId: CompanyId) => Promise<StoredEvent | undefined>,
): Promise<Status> {
  const shown = rooms.get(companyId)?.shown?.event;
  if (shown) return toStatus(shown);
  const stored = await read(companyId);
  const decoded = stored && decodeEvent(companyId, stored.body);
  return toStatus(decoded?.ok ? decoded.event : undefined);
}

function toStatus(event: SessionEvent | undefined): Status {
  if (!event) return { connected: false, state: null, phone: null };
  const state = stateOf(event);
  return {
    connected: state === 'connected',
    state,
    phone: event.phoneNumber ?? null,
    sessionId: event.companyId,
    ...positionOf(event),
  };
}
