import type { CompanyId } from '../../shared/contract/company-id.ts';
import type { OrderedEvent } from '../../shared/contract/events.ts';
import { eventId, type Position } from '../../shared/contract/position.ts';

/** Belongs to nobody. */
const CANARY_PHONE = '79990009000';

/** The synthetic connect of one round. `nowUs` is the wall clock in µs. */
export function toRoundEvent(companyId: CompanyId, position: Position, nowUs: number): OrderedEvent {
  return {
    type: 'connected',
    companyId,
    timestamp: Math.floor(nowUs / 1000),
    id: eventId(companyId, position),
    ...position,
    occurredAt: nowUs,
    synthetic: true,
    state: 'connected',
    phoneNumber: CANARY_PHONE,
  };
}
