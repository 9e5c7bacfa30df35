import type { ReceivedSpan } from './otlp.ts';

/** Spans of one trace in the order of their start. */
export interface Trace {
  readonly traceId: string;
  readonly spans: readonly ReceivedSpan[];
}

export interface TraceFilter {
  /** A company or a part of it. */
  readonly company?: string | undefined;
  /** Canary rounds and load too; without it customers alone. */
  readonly synthetic?: boolean | undefined;
}

const MAX_TRACES = 2_000;
const MAX_SPANS = 500;

/** The newest traces, in memory. */
export class TraceStore {
  readonly #traces = new Map<string, ReceivedSpan[]>();

  add(spans: readonly ReceivedSpan[]): void {
    for (const span of spans) {
      const trace = this.#traces.get(span.traceId) ?? [];
      this.#traces.set(span.traceId, trace);
      if (trace.length < MAX_SPANS) trace.push(span);
    }
    for (const traceId of this.#traces.keys()) {
      if (this.#traces.size <= MAX_TRACES) return;
      this.#traces.delete(traceId);
    }
  }

  get(traceId: string): Trace | undefined {
    const spans = this.#traces.get(traceId);
    return spans && { traceId, spans: inOrder(spans) };
  }

  /** Newest first. */
  list({ company, synthetic = false }: TraceFilter = {}): readonly Trace[] {
    return [...this.#traces]
      .toReversed()
      .map(([traceId, spans]) => ({ traceId, spans: inOrder(spans) }))
      .filter((trace) => synthetic || !isSynthetic(trace))
      .filter((trace) => company === undefined || companyOf(trace)?.includes(company));
  }
}

/** The company that the trace is about. */
export function companyOf({ spans }: Trace): string | undefined {
  const found = spans.map(({ attributes }) => attributes['company.id']).find((id) => id !== undefined);
  return found === undefined ? undefined : String(found);
}

function isSynthetic({ spans }: Trace): boolean {
  return spans.some(({ attributes }) => attributes['whatsapp.synthetic'] === true);
}

function inOrder(spans: readonly ReceivedSpan[]): readonly ReceivedSpan[] {
  return spans.toSorted((a, b) => a.startMs - b.startMs);
}
