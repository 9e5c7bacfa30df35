import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { salonIdOf } from '../../../shared/contract/company-id.ts';
import { loadCompany, LoadPlan, type PlanOptions } from '../plan.ts';
import type { Target } from '../system/target.ts';
import type {
  BrowserSeat,
  BrowsersMethods,
  BrowsersProgress,
  BrowsersReport,
  BrowsersRun,
  Published,
} from './browsers.ts';
import { GeneratorError, Remote } from './remote.ts';

export interface CrewOptions {
  readonly target: Pick<Target, 'gatewayUrls' | 'client' | 'token'>;
  /** Who sits where. */
  readonly plan: PlanOptions;
  readonly workers: number;
}

const BROWSERS = join(import.meta.dirname, 'browsers.ts');

/** Handshakes may pause for so long before the run is given up, in ms. */
const CONNECT_PATIENCE_MS = 20_000;

/** All browsers of a run, in their processes. */
export class BrowserCrew implements AsyncDisposable {
  readonly #workers: readonly Remote<BrowsersMethods>[];
  readonly #options: CrewOptions;

  constructor(options: CrewOptions) {
    this.#options = options;
    this.#workers = Array.from({ length: options.workers }, () => new Remote<BrowsersMethods>(BROWSERS));
  }

  /**
   * Resolves when every browser is in its room.
   * @throws GeneratorError with the last refusal when they are not let in.
   */
  async connect(signal: AbortSignal, onProgress: (connected: number, of: number) => void): Promise<void> {
    const { plan, target } = this.#options;
    const seats = await toSeats(new LoadPlan(plan), target);
    await this.#each((worker, index) =>
      worker.call('prepare', {
        client: target.client,
        seats: seats.filter((_, seat) => seat % this.#workers.length === index),
      }),
    );
    const connecting = this.#each((worker) => worker.call('connect'));
    connecting.catch(() => undefined);
    await this.#watchConnecting(seats.length, signal, onProgress);
    await connecting;
  }

  async progress(): Promise<BrowsersProgress> {
    const all = await this.#each((worker) => worker.call('progress'));
    const sum = (of: (progress: BrowsersProgress) => number) => all.reduce((total, each) => total + of(each), 0);
    return {
      connected: sum(({ connected }) => connected),
      received: sum(({ received }) => received),
      disconnects: sum(({ disconnects }) => disconnects),
      refusals: sum(({ refusals }) => refusals),
      lastRefusal: all.find(({ lastRefusal }) => lastRefusal !== undefined)?.lastRefusal,
    };
  }

  /** Starts the books anew: what was shown before counts no more. */
  begin(run: BrowsersRun): Promise<unknown> {
    return this.#each((worker) => worker.call('begin', run));
  }

  /** Deliveries that so many events of each company make. */
  audienceOf(sentByCompany: Uint32Array): number {
    const seats = new LoadPlan(this.#options.plan).companiesOfSockets();
    return seats.reduce((sum, company) => sum + (sentByCompany[company] ?? 0), 0);
  }

  judge(published: Published): Promise<readonly BrowsersReport[]> {
    return this.#each((worker) => worker.call('judge', published));
  }

  /** Waits until so many first arrivals were counted, or none has come for `patienceMs`. */
  async untilReceived(expected: number, patienceMs: number): Promise<void> {
    let last = -1;
    let quietMs = 0;
    while (quietMs < patienceMs) {
      const { received } = await this.progress();
      if (received >= expected) return;
      quietMs = received === last ? quietMs + 50 : 0;
      last = received;
      await sleep(50);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#each((worker) => worker[Symbol.asyncDispose]());
  }

  async #watchConnecting(
    total: number,
    signal: AbortSignal,
    onProgress: (connected: number, of: number) => void,
  ): Promise<void> {
    let last = -1;
    let lastChange = performance.now();
    for (;;) {
      signal.throwIfAborted();
      const { connected, lastRefusal } = await this.progress();
      if (connected !== last) lastChange = performance.now();
      last = connected;
      onProgress(connected, total);
      if (connected >= total) return;
      if (performance.now() - lastChange > CONNECT_PATIENCE_MS) {
        throw new GeneratorError(
          `${connected} of ${total} browsers were let in; the last refusal: ${lastRefusal ?? 'none'}`,
        );
      }
      await sleep(100);
    }
  }

  #each<T>(ask: (worker: Remote<BrowsersMethods>, index: number) => Promise<T>): Promise<T[]> {
    return Promise.all(this.#workers.map(ask));
  }
}

/** Browsers one after the other at one gateway after the other; one token for each company. */
export async function toSeats(
  plan: LoadPlan,
  { gatewayUrls, token }: CrewOptions['target'],
): Promise<readonly BrowserSeat[]> {
  const tokens = new Map<number, Promise<string>>();
  return Promise.all(
    plan.companiesOfSockets().map(async (company, index) => {
      const signed = tokens.get(company) ?? token(salonIdOf(loadCompany(company)));
      tokens.set(company, signed);
      return { url: gatewayUrls[index % gatewayUrls.length] ?? '', token: await signed, company };
    }),
  );
}
