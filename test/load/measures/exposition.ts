/** One sample of a Prometheus or OpenMetrics exposition. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*?)\})? ([^ ]+)(?: .*)?$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g;

/** The samples of an exposition; comments and exemplars are left out. */
export function parseExposition(text: string): readonly Sample[] {
  return text.split('\n').flatMap((line) => {
    const match = line.startsWith('#') ? null : LINE.exec(line.split(' # ')[0] ?? '');
    if (!match) return [];
    const [, name = '', labels = '', value = ''] = match;
    return [
      {
        name,
        labels: toLabels(labels),
        value: Number(value),
      },
    ];
  });
}

function toLabels(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries([...text.matchAll(LABEL)].map(([, key = '', value = '']) => [key, value]));
}

/** A histogram as Prometheus keeps it: how many observations were at most so many seconds. */
export interface BucketHistogram {
  /** Rising, the last one infinite, in seconds. */
  readonly boundsS: readonly number[];
  readonly cumulative: readonly number[];
  readonly sumS: number;
}

/** Adds up the series of one histogram that carry these labels; `undefined` when there are none. */
export function readHistogram(
  samples: readonly Sample[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): BucketHistogram | undefined {
  const matching = samples.filter((sample) =>
    Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
  );
  const buckets = new Map<number, number>();
  for (const { labels: own, value } of matching.filter((sample) => sample.name === `${name}_bucket`)) {
    const bound = own['le'] === '+Inf' ? Infinity : Number(own['le']);
    buckets.set(bound, (buckets.get(bound) ?? 0) + value);
  }
  if (buckets.size === 0) return undefined;
  const boundsS = [...buckets.keys()].toSorted((a, b) => a - b);
  return { boundsS, cumulative: boundsS.map((bound) => buckets.get(bound) ?? 0), sumS: sumOf(matching, `${name}_sum`) };
}

/** The sum of a counter or gauge over its series. */
export function sumOf(samples: readonly Sample[], name: string, labels: Readonly<Record<string, string>> = {}): number {
  return samples
    .filter((sample) => sample.name === name)
    .filter((sample) => Object.entries(labels).every(([key, value]) => sample.labels[key] === value))
    .reduce((sum, { value }) => sum + value, 0);
}

/** What was observed between two scrapes. */
export function histogramBetween(
  before: BucketHistogram | undefined,
  after: BucketHistogram | undefined,
): BucketHistogram | undefined {
  if (!after) return undefined;
  return {
    boundsS: after.boundsS,
    cumulative: after.cumulative.map((count, index) => count - (before?.cumulative[index] ?? 0)),
    sumS: after.sumS - (before?.sumS ?? 0),
  };
}

export function addHistograms(histograms: readonly BucketHistogram[]): BucketHistogram | undefined {
  const [first, ...rest] = histograms;
  if (!first) return undefined;
  return rest.reduce(
    (sum, next) => ({
      boundsS: sum.boundsS,
      cumulative: sum.cumulative.map((count, index) => count + (next.cumulative[index] ?? 0)),
      sumS: sum.sumS + next.sumS,
    }),
    first,
  );
}

export function countOf({ cumulative }: BucketHistogram): number {
  return cumulative.at(-1) ?? 0;
}

export function meanMsOf(histogram: BucketHistogram): number {
  const count = countOf(histogram);
  return count === 0 ? 0 : (histogram.sumS / count) * 1000;
}

/** As PromQL's `histogram_quantile` estimates it, in ms; 0 when nothing was observed. */
export function quantileMs(histogram: BucketHistogram, quantile: number): number {
  const { boundsS, cumulative } = histogram;
  const total = countOf(histogram);
  if (total === 0) return 0;
  const rank = quantile * total;
  const index = cumulative.findIndex((count) => count >= rank);
  const upper = boundsS[index] ?? Infinity;
  const lower = boundsS[index - 1] ?? 0;
  if (!Number.isFinite(upper)) return lower * 1000;
  const below = cumulative[index - 1] ?? 0;
  const inside = (cumulative[index] ?? 0) - below;
  return 1000 * (lower + (inside === 0 ? 0 : ((rank - below) / inside) * (upper - lower)));
}

/** Which bucket a duration falls into, by index. */
export function bucketOf({ boundsS }: BucketHistogram, ms: number): number {
  return boundsS.findIndex((bound) => ms / 1000 <= bound);
}

/** Whether two durations are in the same bucket or in neighbouring ones. */
export function agreeWithinABucket(histogram: BucketHistogram, aMs: number, bMs: number): boolean {
  return Math.abs(bucketOf(histogram, aMs) - bucketOf(histogram, bMs)) <= 1;
}
