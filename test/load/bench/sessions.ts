import { setTimeout as sleep } from 'node:timers/promises';
import { BusConnection } from '../../../shared/bus/connection.ts';
import { startPostgres } from '../../harness/postgres.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { parseExposition, sumOf, type Sample } from '../measures/exposition.ts';
import { readProcessUse, type ProcessUse } from '../measures/process-use.ts';
import { loadCompany } from '../plan.ts';
import { formatMiB, formatMs, formatPercent, formatTable } from '../report/format.ts';
import { OwnSystem } from '../system/own-system.ts';
import { linkSession, type LinkParts } from '../whatsapp/link-session.ts';
import { SeenEvents } from '../whatsapp/seen-events.ts';
import { median } from './statistics.ts';

export interface SessionsOptions {
  readonly sessions: number;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

export interface SessionsResult {
  readonly sessions: number;
  readonly emptyBytes: number;
  readonly idleBytes: number;
  /** Of one core, over the idle time. */
  readonly idleCpuShare: number;
  /** From the scan to the published `connected`, one session after the other. */
  readonly linkMs: readonly number[];
  /** From opening the WhatsApp socket to open, mean of reconnects one after the other. */
  readonly reconnectMs: number;
  /** From the start of the process until every session was open again. */
  readonly restoreSeconds: number;
  /** The longest time that the event loop stood still while the sessions were restored. */
  readonly longestBlockMs: number;
}

const ALONE = 20;
const PARALLEL_LINKS = 4;
const IDLE_MS = 20_000;
const SETTLE_MS = 10_000;
const PATIENCE_MS = 300_000;
const SERVICE = 'whatsapp';

/** Links so many simulated phones, leaves them alone, drops some connections, and restarts the service. */
export async function measureSessions({ sessions, signal, say }: SessionsOptions): Promise<SessionsResult> {
  await using stack = new AsyncDisposableStack();
  // The embedded database would be half of the memory, and is not what holds many sessions.
  const postgres = stack.use(await startPostgres());
  const env = { MAX_SESSIONS: '100000', DATABASE_URL: postgres.url };
  const system = stack.use(await OwnSystem.start({ gateways: 0, whatsapp: true, env }));
  const bus = stack.use(await BusConnection.connect({ servers: [system.nats.url], name: 'bench' }, signal));
  const seen = new SeenEvents();
  stack.use(seen.follow(bus));
  const parts = { bus, simulatorUrl: system.simulatorUrl, seen };
  await sleep(SETTLE_MS);
  const emptyBytes = (await use(system)).residentBytes;

  const alone = Math.min(ALONE, sessions);
  const linkMs: number[] = [];
  for (let index = 0; index < alone; index += 1) linkMs.push(await linkSession(parts, index));
  say(`${alone} sessions linked one after the other, p50 ${median(linkMs).toFixed(0)} ms`);
  await linkRest(parts, { from: alone, to: sessions, signal });
  say(`${sessions} sessions linked; idle for ${IDLE_MS / 1000} s`);
  await sleep(SETTLE_MS);
  const before = await use(system);
  await sleep(IDLE_MS);
  const after = await use(system);

  const reconnectMs = await measureReconnects(system, parts, alone);
  say('restarting the service');
  const restored = await measureRestore(system, sessions);
  return {
    sessions,
    emptyBytes,
    idleBytes: after.residentBytes,
    idleCpuShare: (after.cpuSeconds - before.cpuSeconds) / (IDLE_MS / 1000),
    linkMs,
    reconnectMs,
    ...restored,
  };
}

async function use(system: OwnSystem): Promise<ProcessUse> {
  const found = await readProcessUse({ name: SERVICE, pid: system.pidOf(SERVICE) });
  if (!found) throw new Error('the use of a process can only be read from /proc');
  return found;
}

async function linkRest(
  parts: LinkParts,
  { from, to, signal }: { readonly from: number; readonly to: number; readonly signal: AbortSignal },
): Promise<void> {
  let next = from;
  const link = async () => {
    while (next < to && !signal.aborted) {
      const index = next;
      next += 1;
      await linkSession(parts, index);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_LINKS }, link));
}

interface Device {
  readonly jid: string;
  readonly online: boolean;
}

/** The mean is exact where the buckets of the histogram are wide. */
async function measureReconnects(system: OwnSystem, { simulatorUrl }: LinkParts, count: number): Promise<number> {
  const devices = (await (await fetch(`${simulatorUrl}/devices`)).json()) as readonly Device[];
  const before = await readSamples(system);
  const opened = (samples: readonly Sample[]) =>
    sumOf(samples, 'whatsapp_time_to_open_seconds_count', { kind: 'resume' });
  const seconds = (samples: readonly Sample[]) =>
    sumOf(samples, 'whatsapp_time_to_open_seconds_sum', { kind: 'resume' });
  let done = opened(before);
  for (const { jid } of devices.filter(({ online }) => online).slice(0, count)) {
    await fetch(`${simulatorUrl}/devices/${encodeURIComponent(jid)}/disconnect`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ how: 'close' }),
    });
    done += 1;
    const target = done;
    await waitFor(async () => opened(await readSamples(system)) >= target, {
      what: 'a reconnect',
      timeoutMs: PATIENCE_MS,
    });
  }
  const after = await readSamples(system);
  return ((seconds(after) - seconds(before)) / (opened(after) - opened(before))) * 1000;
}

async function measureRestore(system: OwnSystem, sessions: number) {
  await system.stopProcess(SERVICE);
  const began = performance.now();
  await system.startWhatsApp();
  // The figure starts anew with each scrape; the first one is the start of the process.
  await readSamples(system);
  let longestBlockS = 0;
  await waitFor(
    async () => {
      const samples = await readSamples(system);
      longestBlockS = Math.max(longestBlockS, sumOf(samples, 'nodejs_eventloop_lag_max_seconds'));
      return sumOf(samples, 'whatsapp_sessions', { state: 'connected' }) >= sessions;
    },
    { what: `${sessions} restored sessions up to ${loadCompany(sessions - 1)}`, timeoutMs: PATIENCE_MS },
  );
  return { restoreSeconds: (performance.now() - began) / 1000, longestBlockMs: longestBlockS * 1000 };
}

async function readSamples(system: OwnSystem): Promise<readonly Sample[]> {
  return parseExposition(await (await fetch(system.metricsUrls[0] ?? '')).text());
}

export function renderSessions(result: SessionsResult): string {
  const { sessions, emptyBytes, idleBytes, idleCpuShare, linkMs, reconnectMs, restoreSeconds, longestBlockMs } = result;
  return formatTable([
    ['', 'value', 'target'],
    ['memory without sessions', formatMiB(emptyBytes), ''],
    [`memory with ${sessions} idle ones`, formatMiB(idleBytes), ''],
    ['for each of them', `${((idleBytes - emptyBytes) / sessions / 2 ** 20).toFixed(2)} MiB`, '≤ 1.3 MB at 200'],
    ['CPU of all while idle, of one core', formatPercent(idleCpuShare), '≤ 6 % for 200'],
    ['scan to connected, p50, alone', formatMs(median(linkMs)), '≤ 0.6 s'],
    ['reconnect to open, mean, alone', formatMs(reconnectMs), '≤ 0.15 s'],
    ['all open again after a restart', `${restoreSeconds.toFixed(1)} s`, ''],
    ['longest standstill of the event loop meanwhile', formatMs(longestBlockMs), 'one key generation'],
  ]);
}
