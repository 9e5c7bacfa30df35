import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../../harness/wait-for.ts';
import { originIn } from '../generator/clock.ts';
import { BrowserCrew } from '../generator/crew.ts';
import { toOutgoing } from '../generator/outgoing.ts';
import { openTransport } from '../generator/transport.ts';
import { countOf, meanMsOf, parseExposition, readHistogram } from '../measures/exposition.ts';
import { readProcessUse } from '../measures/process-use.ts';
import { loadCompany, LoadPlan, type PlanOptions } from '../plan.ts';
import { formatCount, formatMiB, formatTable } from '../report/format.ts';
import { newEpoch } from '../run.ts';
import { OwnSystem } from '../system/own-system.ts';
import { addVerdicts, EMPTY_VERDICT, type Verdict } from '../verdict.ts';

export interface SocketsOptions {
  readonly sockets: number;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

export interface SocketsResult {
  readonly sockets: number;
  readonly emptyBytes: number;
  readonly fullBytes: number;
  readonly connectSeconds: number;
  /** From the moment the restarted gateway was ready until every browser was in its room and shown its state. */
  readonly returnSeconds: number;
  readonly verdict: Verdict;
  /** One pass over all rooms after NATS was away. */
  readonly resyncSeconds: number;
}

const BROWSERS_PER_WORKER = 2500;
const SETTLE_MS = 8000;
const PATIENCE_MS = 120_000;
const GATEWAY = 'socket-1';
/** Targets are meant for at least so many browsers. */
const JUDGED_SOCKETS = 10_000;

/** Holds so many idle browsers, one a company, restarts the gateway under them, and takes NATS away for a moment. */
export async function measureSockets({ sockets, signal, say }: SocketsOptions): Promise<SocketsResult> {
  await using stack = new AsyncDisposableStack();
  const system = stack.use(await OwnSystem.start({ gateways: 1, whatsapp: false }));
  const port = Number(new URL(system.gatewayUrls[0] ?? '').port);
  const plan = planFor(sockets);
  const epoch = newEpoch();
  say(`storing the state of ${formatCount(sockets)} companies`);
  await storeStates(system, plan, epoch);
  const emptyBytes = await residentBytes(system);

  const target = { gatewayUrls: system.gatewayUrls, client: 'socket.io', token: system.token } as const;
  const crew = stack.use(new BrowserCrew({ target, plan, workers: Math.ceil(sockets / BROWSERS_PER_WORKER) }));
  const connectBegan = performance.now();
  await crew.connect(signal, () => undefined);
  const connectSeconds = secondsSince(connectBegan);
  await sleep(SETTLE_MS);
  const fullBytes = await residentBytes(system);
  say(
    `${formatCount(sockets)} browsers in ${connectSeconds.toFixed(1)} s, ${formatMiB(fullBytes)}; restarting the gateway`,
  );

  await crew.begin({ origin: originIn(0), plan: undefined, epoch });
  await system.stopProcess(GATEWAY);
  await system.startGateway(GATEWAY, { SOCKET_HTTP_PORT: String(port) });
  const returnBegan = performance.now();
  await crew.untilReceived(sockets, PATIENCE_MS);
  const returnSeconds = secondsSince(returnBegan);
  await sleep(SETTLE_MS);
  const verdict = await judge(crew, plan, epoch);

  say('restarting nats-server');
  await system.nats.restart();
  const resyncSeconds = await waitFor(() => readResync(port), { what: 'a resync', timeoutMs: PATIENCE_MS });
  return { sockets, emptyBytes, fullBytes, connectSeconds, returnSeconds, verdict, resyncSeconds };
}

/** One browser for each company; companies that a run would leave silent have a state here too. */
function planFor(sockets: number): PlanOptions {
  return {
    profile: 'constant',
    rate: 1,
    durationMs: 1,
    warmupMs: 0,
    companies: sockets,
    sockets,
    seed: 1,
    traceRatio: 0,
  };
}

async function storeStates({ nats }: OwnSystem, plan: PlanOptions, epoch: number): Promise<void> {
  const transport = await openTransport({ kind: 'jetstream', natsUrl: nats.url });
  const companies = [...new Set(new LoadPlan(plan).companiesOfSockets())];
  const at = { occurredAtUs: Date.now() * 1000, sampled: false };
  await Promise.all(
    companies.map((company) => transport.send(toOutgoing(loadCompany(company), { epoch, seq: 1 }, at))),
  );
  await transport.close();
}

async function judge(crew: BrowserCrew, plan: PlanOptions, epoch: number): Promise<Verdict> {
  const companies = new LoadPlan(plan).companiesOfSockets();
  const positions = new Map(companies.map((company) => [loadCompany(company), [{ epoch, seq: 1 }]]));
  const reports = await crew.judge({ kind: 'listed', positions });
  return reports.map(({ verdict }) => verdict).reduce(addVerdicts, EMPTY_VERDICT);
}

async function residentBytes(system: OwnSystem): Promise<number> {
  return (await readProcessUse({ name: GATEWAY, pid: system.pidOf(GATEWAY) }))?.residentBytes ?? 0;
}

/** `undefined` until there was one. */
async function readResync(port: number): Promise<number | undefined> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const found = readHistogram(parseExposition(text), 'event_feed_resync_duration_seconds', { reason: 'reconnect' });
  return found && countOf(found) > 0 ? meanMsOf(found) / 1000 : undefined;
}

function secondsSince(began: number): number {
  return (performance.now() - began) / 1000;
}

export function renderSockets(result: SocketsResult): string {
  const { sockets, emptyBytes, fullBytes, connectSeconds, returnSeconds, resyncSeconds, verdict } = result;
  // Fewer browsers share what the process costs without them.
  const inFull = (value: number, limit: number) => (sockets < JUDGED_SOCKETS ? '' : outcomeOf(value, limit));
  const kib = (fullBytes - emptyBytes) / sockets / 1024;
  const wrong = verdict.lost + verdict.duplicated + verdict.wrongRoom;
  const rows = [
    ['', 'value', 'target', ''],
    ['memory of a gateway without browsers', formatMiB(emptyBytes), '', ''],
    [`with ${formatCount(sockets)} idle ones`, formatMiB(fullBytes), '', ''],
    ['for each of them', `${kib.toFixed(1)} KiB`, '≤ 30 KB at 10,000', inFull(kib * 1.024, 30)],
    ['all connecting for the first time', `${connectSeconds.toFixed(1)} s`, '', ''],
    ['all back and shown their state after a restart', `${returnSeconds.toFixed(1)} s`, '', ''],
    ['lost, repeated, misplaced states after it', String(wrong), '0', outcomeOf(wrong, 0)],
    [
      'a resync of all rooms after NATS was away',
      `${resyncSeconds.toFixed(2)} s`,
      '≤ 2 s at 10,000',
      inFull(resyncSeconds, 2),
    ],
  ];
  return formatTable(rows);
}

function outcomeOf(value: number, limit: number): string {
  return value <= limit ? 'reached' : 'missed';
}
