import { requestCommand } from '../../../shared/bus/commands.ts';
import type { BusConnection } from '../../../shared/bus/connection.ts';
import type { CompanyId } from '../../../shared/contract/company-id.ts';
import { stateOf } from '../../../shared/contract/decode-event.ts';
import type { SessionEvent } from '../../../shared/contract/events.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { loadCompany } from '../plan.ts';
import type { SeenEvents } from './seen-events.ts';
import { linkPhone } from './simulated-phone.ts';

export interface LinkParts {
  readonly bus: BusConnection;
  readonly simulatorUrl: string;
  readonly seen: SeenEvents;
}

const PATIENCE_MS = 60_000;

/**
 * Starts the session of a load company and lets a simulated phone scan its QR. Resolves when `connected` was published,
 * to the ms since the scan.
 * @throws Error when the command is refused, the simulator refuses, or nothing comes within a minute.
 */
export async function linkSession({ bus, simulatorUrl, seen }: LinkParts, index: number): Promise<number> {
  const companyId = loadCompany(index);
  const found = await command(bus, companyId, 'start');
  if (found && stateOf(found) === 'connected') {
    // Linked by an earlier run on the same system.
    await command(bus, companyId, 'logout');
    await waitFor(() => seen.last(companyId)?.type === 'logged-out', {
      what: `${companyId} to log out`,
      timeoutMs: PATIENCE_MS,
    });
    await command(bus, companyId, 'start');
  }
  const qr = await waitFor(() => seen.last(companyId)?.qr?.text, {
    what: `a QR of ${companyId}`,
    timeoutMs: PATIENCE_MS,
  });
  const scannedAt = performance.now();
  await linkPhone(simulatorUrl, index, qr);
  await waitFor(() => seen.last(companyId)?.type === 'connected', {
    what: `${companyId} to connect`,
    timeoutMs: PATIENCE_MS,
  });
  return performance.now() - scannedAt;
}

/** Answers the session's snapshot, if it has one. @throws Error when it is refused. */
async function command(
  bus: BusConnection,
  companyId: CompanyId,
  name: 'start' | 'logout',
): Promise<SessionEvent | undefined> {
  const reply = await requestCommand(bus, { companyId, name, deadlineMs: PATIENCE_MS });
  if (!reply.ok) throw new Error(`${name}: ${reply.error.code} ${reply.error.message}`);
  return reply.event;
}
