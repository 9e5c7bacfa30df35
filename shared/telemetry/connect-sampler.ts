import type { Attributes, Context, Link, SpanKind } from '@opentelemetry/api';
import {
  ParentBasedSampler,
  SamplingDecision,
  TraceIdRatioBasedSampler,
  type Sampler,
  type SamplingResult,
} from '@opentelemetry/sdk-trace';
import { CANARY_SPAN, CONNECT_SPAN } from './span-names.ts';

export interface ConnectSamplerOptions {
  /** Connects traced in any one second of this process, whatever the load. */
  readonly connectsPerSecond: number;
  /** The share of everything else, and of the connects beyond that rate. */
  readonly ratio: number;
  /** Monotonic, in ms. */
  readonly now?: () => number;
}

/**
 * Samples roots: connects are rare and each one matters, so the first few of every second are always traced; a load
 * test or a mass reconnect falls back to the ratio. A token bucket, so that a burst after silence gets no more than one
 * second's worth. Canary rounds are few by construction and always traced.
 */
export class ConnectSampler implements Sampler {
  readonly #beyond: Sampler;
  readonly #rate: number;
  readonly #now: () => number;
  #tokens: number;
  #refilledAt: number;

  constructor({ connectsPerSecond, ratio, now = () => performance.now() }: ConnectSamplerOptions) {
    this.#beyond = new TraceIdRatioBasedSampler(ratio);
    this.#rate = connectsPerSecond;
    this.#now = now;
    this.#tokens = connectsPerSecond;
    this.#refilledAt = now();
  }

  shouldSample(
    context: Context,
    traceId: string,
    spanName: string,
    // The interface has six parameters; only these decide.
    ...rest: [spanKind: SpanKind, attributes: Attributes, links: Link[]]
  ): SamplingResult {
    if (spanName === CANARY_SPAN || (spanName === CONNECT_SPAN && this.#takeToken())) {
      return { decision: SamplingDecision.RECORD_AND_SAMPLED };
    }
    return this.#beyond.shouldSample(context, traceId, spanName, ...rest);
  }

  toString(): string {
    return `ConnectSampler{${this.#rate}/s, then ${this.#beyond.toString()}}`;
  }

  #takeToken(): boolean {
    const now = this.#now();
    this.#tokens = Math.min(this.#rate, this.#tokens + ((now - this.#refilledAt) / 1000) * this.#rate);
    this.#refilledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}

/** The sampler of production: a trace begun elsewhere keeps its decision, roots go through `ConnectSampler`. */
export function productionSampler(): Sampler {
  return new ParentBasedSampler({ root: new ConnectSampler({ connectsPerSecond: 5, ratio: 0.01 }) });
}
