import { requestCommand } from '../../../shared/bus/commands.ts';
import type { BusConnection } from '../../../shared/bus/connection.ts';
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
  const reply = await requestCommand(bus, { companyId, name: 'start', deadlineMs: PATIENCE_MS });
  if (!reply.ok) throw new Error(`start: ${reply.error.code} ${reply.error.message}`);
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
