import { build, decodeFromCompressedBase64, encodeIntoCompressedBase64, type JsHistogram } from 'hdr-histogram-js';

/** µs: one hour, beyond which nobody waits. */
const HIGHEST_US = 3_600_000_000;

/** A latency histogram in µs with three significant digits. */
export function latencyHistogram(): JsHistogram {
  return build({
    bitBucketSize: 32,
    lowestDiscernibleValue: 1,
    highestTrackableValue: HIGHEST_US,
    numberOfSignificantValueDigits: 3,
    useWebAssembly: false,
  }) as JsHistogram;
}

export function recordMs(histogram: JsHistogram, ms: number): void {
  histogram.recordValue(Math.min(HIGHEST_US, Math.max(0, Math.round(ms * 1000))));
}

/** Histograms as workers send them. */
export function mergeLatencies(encoded: readonly string[]): JsHistogram {
  const merged = latencyHistogram();
  for (const text of encoded) if (text !== '') merged.add(decodeFromCompressedBase64(text) as JsHistogram);
  return merged;
}

export interface Percentiles {
  readonly count: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

export function toPercentiles(histogram: JsHistogram): Percentiles {
  const count = histogram.totalCount;
  const at = (percentile: number) => (count === 0 ? 0 : histogram.getValueAtPercentile(percentile) / 1000);
  return {
    count,
    meanMs: count === 0 ? 0 : histogram.mean / 1000,
    p50Ms: at(50),
    p90Ms: at(90),
    p99Ms: at(99),
    p999Ms: at(99.9),
    maxMs: count === 0 ? 0 : histogram.maxValue / 1000,
  };
}

/** Points of the percentile plot, denser towards the end. */
export function percentileCurve(
  histogram: JsHistogram,
): readonly { readonly percentile: number; readonly ms: number }[] {
  if (histogram.totalCount === 0) return [];
  const points = [];
  for (let nines = 0; 10 ** nines <= histogram.totalCount * 2 && nines <= 6; nines += 0.1) {
    const percentile = 100 * (1 - 10 ** -nines);
    points.push({ percentile, ms: histogram.getValueAtPercentile(percentile) / 1000 });
  }
  return points;
}

/** Latencies by the second in which the event was meant to be sent. */
export class LatencySeries {
  readonly #seconds: JsHistogram[] = [];

  record(second: number, ms: number): void {
    for (let next = this.#seconds.length; next <= second; next += 1) this.#seconds.push(coarseHistogram());
    const histogram = this.#seconds[second];
    if (histogram) recordMs(histogram, ms);
  }

  encode(): readonly string[] {
    return this.#seconds.map((histogram) => encode(histogram));
  }
}

/** Two digits: thousands of them are sent and kept. */
function coarseHistogram(): JsHistogram {
  return build({
    bitBucketSize: 32,
    lowestDiscernibleValue: 1,
    highestTrackableValue: HIGHEST_US,
    numberOfSignificantValueDigits: 2,
    useWebAssembly: false,
  }) as JsHistogram;
}

/** As text that `mergeLatencies` reads; empty when nothing was recorded. */
export function encode(histogram: JsHistogram): string {
  return histogram.totalCount === 0 ? '' : encodeIntoCompressedBase64(histogram);
}
