import { setTimeout as sleep } from 'node:timers/promises';
import { BusConnection } from '../../shared/bus/connection.ts';
import type { BrowsersReport } from './generator/browsers.ts';
import { originIn, sharedMs, type Origin } from './generator/clock.ts';
import { BrowserCrew } from './generator/crew.ts';
import { encode, latencyHistogram, LatencySeries, recordMs } from './generator/latencies.ts';
import type { PublisherReport } from './generator/publisher.ts';
import { Observation, observe } from './measures/observation.ts';
import { LoadPlan, type PlanOptions } from './plan.ts';
import type { Measured, RunRequest } from './run.ts';
import { Schedule } from './schedule.ts';
import type { WhatsAppTarget } from './system/target.ts';
import { linkSession } from './whatsapp/link-session.ts';
import { SeenEvents } from './whatsapp/seen-events.ts';

export interface WhatsAppRunRequest extends RunRequest {
  readonly whatsapp: WhatsAppTarget;
}

const LEAD_MS = 300;
const SETTLE_MS = 1500;
const ARRIVAL_PATIENCE_MS = 5000;
const AFTERMATH_MS = 1000;

/**
 * Links one simulated phone for each company that has a browser, at the plan's rate, and judges what the browsers were
 * shown by what a subscriber saw published. Latency is from the moment WhatsApp reported the connect to the browser.
 */
export async function runThroughWhatsApp(request: WhatsAppRunRequest): Promise<Measured> {
  const { target, whatsapp, signal, workers } = request;
  await using stack = new AsyncDisposableStack();
  const bus = stack.use(await BusConnection.connect({ servers: [whatsapp.natsUrl], name: 'load' }, signal));
  const plan = { ...request.plan, companies: listenersOf(request.plan) };
  const crew = stack.use(new BrowserCrew({ target, plan, workers }));
  await crew.connect(signal, (connected, of) => request.onProgress({ phase: 'connecting', connected, of }));
  await sleep(SETTLE_MS);

  const seen = new SeenEvents();
  stack.use(seen.follow(bus));
  const before = await observe(target, sharedMs());
  const origin = originIn(LEAD_MS);
  await crew.begin({ origin, plan: undefined, epoch: 1 });
  const links = new Links({ bus, whatsapp, seen, origin, signal });
  const schedule = new Schedule([{ durationMs: plan.durationMs, fromRate: plan.rate, toRate: plan.rate }]);
  const ticker = setInterval(() => void report(), 1000);
  const report = async () => {
    const { received } = await crew.progress();
    request.onProgress({ phase: 'running', seconds: (sharedMs() - origin.atMs) / 1000, sent: links.begun, received });
  };
  stack.defer(() => clearInterval(ticker));
  await links.run(schedule, plan.companies);
  await crew.untilReceived(seen.count, ARRIVAL_PATIENCE_MS);
  const after = await observe(target, sharedMs());
  await sleep(AFTERMATH_MS);
  const browsers = await crew.judge({ kind: 'listed', positions: seen.positions });
  return {
    publishers: [links.report()],
    browsers: browsers.map((each) => withLatencies(each, seen, origin)),
    observation: new Observation(before, after),
    measuredEvents: links.begun,
    interrupted: signal.aborted,
  };
}

/** Each company that has a browser and gets events. */
function listenersOf(plan: PlanOptions): number {
  const sockets = new LoadPlan({ ...plan, companies: plan.sockets }).companiesOfSockets();
  return sockets.filter((company) => company < plan.sockets).length;
}

interface LinksOptions {
  readonly bus: BusConnection;
  readonly whatsapp: WhatsAppTarget;
  readonly seen: SeenEvents;
  readonly origin: Origin;
  readonly signal: AbortSignal;
}

/** Links phones at their times, whether or not earlier ones are done. */
class Links {
  readonly #options: LinksOptions;
  readonly #lag = latencyHistogram();
  readonly #took = latencyHistogram();
  #failed = 0;
  #firstFailure: string | undefined;
  #linked = 0;
  begun = 0;

  constructor(options: LinksOptions) {
    this.#options = options;
  }

  async run(schedule: Schedule, companies: number): Promise<void> {
    const { origin, signal } = this.#options;
    const count = Math.min(schedule.count, companies);
    const links: Promise<void>[] = [];
    for (let index = 0; index < count && !signal.aborted; index += 1) {
      const dueMs = schedule.timeOf(index);
      const waitMs = origin.atMs + dueMs - sharedMs();
      if (waitMs > 0) await sleep(waitMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) break;
      recordMs(this.#lag, sharedMs() - origin.atMs - dueMs);
      this.begun += 1;
      links.push(this.#link(index, dueMs));
    }
    await Promise.all(links);
  }

  report(): PublisherReport {
    return {
      sent: this.begun,
      confirmed: this.#linked,
      failed: this.#failed,
      firstFailure: this.#firstFailure,
      sentByCompany: new Uint32Array(),
      sentPerSecond: [],
      lag: encode(this.#lag),
      lagPerSecond: [],
      confirmation: encode(this.#took),
      utilization: 0,
      cpuSeconds: 0,
    };
  }

  async #link(index: number, dueMs: number): Promise<void> {
    const { bus, whatsapp, seen, origin } = this.#options;
    try {
      await linkSession({ bus, simulatorUrl: whatsapp.simulatorUrl, seen }, index);
      this.#linked += 1;
      recordMs(this.#took, sharedMs() - origin.atMs - dueMs);
    } catch (error) {
      this.#failed += 1;
      this.#firstFailure ??= String(error);
    }
  }
}

/** The browsers' process knows when a connect arrived, the subscriber when it occurred. */
function withLatencies(report: BrowsersReport, seen: SeenEvents, origin: Origin): BrowsersReport {
  const latency = latencyHistogram();
  const series = new LatencySeries();
  for (const arrival of report.connects) {
    const occurredUs = seen.occurredUs(arrival);
    if (occurredUs === undefined) continue;
    const arrivedMs = arrival.atMs - origin.atMs;
    const occurredMs = (occurredUs - origin.wallUs) / 1000;
    recordMs(latency, arrivedMs - occurredMs);
    series.record(Math.max(0, Math.floor(occurredMs / 1000)), arrivedMs - occurredMs);
  }
  return { ...report, latency: encode(latency), perSecond: series.encode() };
}
