import {
  addHistograms,
  histogramBetween,
  parseExposition,
  readHistogram,
  sumOf,
  type BucketHistogram,
  type Sample,
} from './exposition.ts';
import { readProcessUse, type ProcessUse, type Watched } from './process-use.ts';

/** What the services and the machine said at one moment. */
export interface Snapshot {
  readonly atMs: number;
  /** By metrics URL. */
  readonly samples: ReadonlyMap<string, readonly Sample[]>;
  readonly uses: readonly ProcessUse[];
}

export async function observe(
  { metricsUrls, watched }: { readonly metricsUrls: readonly string[]; readonly watched: readonly Watched[] },
  atMs: number,
): Promise<Snapshot> {
  const samples = new Map<string, readonly Sample[]>();
  await Promise.all(
    metricsUrls.map(async (url) => {
      // A service whose metrics are not reachable from here is left out.
      const text = await fetch(url).then(
        (response) => (response.ok ? response.text() : ''),
        () => '',
      );
      if (text !== '') samples.set(url, parseExposition(text));
    }),
  );
  const uses = await Promise.all(watched.map((process) => readProcessUse(process)));
  return { atMs, samples, uses: uses.filter((use) => use !== undefined) };
}

/** What happened between two snapshots. */
export class Observation {
  readonly #before: Snapshot;
  readonly #after: Snapshot;

  constructor(before: Snapshot, after: Snapshot) {
    this.#before = before;
    this.#after = after;
  }

  get seconds(): number {
    return (this.#after.atMs - this.#before.atMs) / 1000;
  }

  /** Over all services; `undefined` when nobody has it. */
  histogram(name: string, labels: Readonly<Record<string, string>>): BucketHistogram | undefined {
    const parts = [...this.#after.samples].flatMap(([url, samples]) => {
      const before = readHistogram(this.#before.samples.get(url) ?? [], name, labels);
      return histogramBetween(before, readHistogram(samples, name, labels)) ?? [];
    });
    return addHistograms(parts);
  }

  counter(name: string, labels: Readonly<Record<string, string>> = {}): number {
    let sum = 0;
    for (const [url, samples] of this.#after.samples) {
      sum += sumOf(samples, name, labels) - sumOf(this.#before.samples.get(url) ?? [], name, labels);
    }
    return sum;
  }

  get uses(): readonly ProcessUse[] {
    return this.#after.uses.map((use) => {
      const before = this.#before.uses.find(({ name }) => name === use.name);
      return { ...use, cpuSeconds: use.cpuSeconds - (before?.cpuSeconds ?? 0) };
    });
  }
}
