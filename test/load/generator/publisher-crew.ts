import { join } from 'node:path';
import { LoadPlan, type PlanOptions } from '../plan.ts';
import type { Origin } from './clock.ts';
import type { PublisherMethods, PublisherReport } from './publisher.ts';
import { Remote } from './remote.ts';
import type { TransportOptions } from './transport.ts';

const PUBLISHER = join(import.meta.dirname, 'publisher.ts');
/** Events that one publisher process can send in time, a second; each confirmation is work, too. */
const RATE_PER_PUBLISHER = { core: 15_000, confirmed: 5000 };

/** All publishers of a run, in their processes. They may send several runs of the same size, one after the other. */
export class PublisherCrew implements AsyncDisposable {
  readonly #workers: readonly Remote<PublisherMethods>[];
  readonly #transport: TransportOptions;

  /** As many processes as the peak of the plan takes. */
  constructor(transport: TransportOptions, plan: PlanOptions) {
    this.#transport = transport;
    const each = RATE_PER_PUBLISHER[transport.kind === 'jetstream' ? 'confirmed' : 'core'];
    const count = Math.ceil(new LoadPlan(plan).peakRate / each);
    this.#workers = Array.from({ length: count }, () => new Remote<PublisherMethods>(PUBLISHER));
  }

  /** Resolves when every publisher is connected and waits for its start. @throws GeneratorError */
  async prepare(plan: PlanOptions, epoch: number): Promise<void> {
    const shards = this.#workers.length;
    const common = { plan, epoch, transport: this.#transport, shards };
    await Promise.all(this.#workers.map((worker, shard) => worker.call('prepare', { ...common, shard })));
  }

  async start(origin: Origin): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.call('start', origin)));
  }

  /** Ends the publishing early. */
  stop(): void {
    // One that has ended needs no stop.
    for (const worker of this.#workers) void worker.call('stop').catch(() => undefined);
  }

  async sent(): Promise<number> {
    const all = await Promise.all(this.#workers.map((worker) => worker.call('progress')));
    return all.reduce((sum, { sent }) => sum + sent, 0);
  }

  /** Resolves when everything is sent and decided. @throws GeneratorError */
  reports(): Promise<readonly PublisherReport[]> {
    return Promise.all(this.#workers.map((worker) => worker.call('report')));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker[Symbol.asyncDispose]()));
  }
}
