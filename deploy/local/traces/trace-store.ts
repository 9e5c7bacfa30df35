import type { ReceivedSpan } from './otlp.ts';

/** Spans of one trace: each behind its parent, siblings in the order of their start. */
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
    while (this.#traces.size > MAX_TRACES) this.#forgetOne();
  }

  /** The oldest synthetic one if there is any: the canary alone would push a customer's trace out within hours. */
  #forgetOne(): void {
    const [oldest] = this.#traces.keys();
    const synthetic = [...this.#traces].find(([, spans]) => isSynthetic(spans))?.[0];
    this.#traces.delete(synthetic ?? oldest ?? '');
  }

  get(traceId: string): Trace | undefined {
    const spans = this.#traces.get(traceId);
    return spans && { traceId, spans: inOrder(spans) };
  }

  /** Newest first. */
  list({ company, synthetic = false }: TraceFilter = {}): readonly Trace[] {
    return [...this.#traces]
      .filter(([, spans]) => synthetic || !isSynthetic(spans))
      .map(([traceId, spans]) => ({ traceId, spans: inOrder(spans) }))
      .filter((trace) => company === undefined || companyOf(trace)?.includes(company))
      .toSorted((a, b) => startOf(b) - startOf(a));
  }
}

/** The company that the trace is about. */
export function companyOf({ spans }: Trace): string | undefined {
  const found = spans.map(({ attributes }) => attributes['company.id']).find((id) => id !== undefined);
  return found === undefined ? undefined : String(found);
}

function isSynthetic(spans: readonly ReceivedSpan[]): boolean {
  return spans.some(({ attributes }) => attributes['whatsapp.synthetic'] === true);
}

function startOf({ spans }: Trace): number {
  return Math.min(...spans.map(({ startMs }) => startMs));
}

/** By the tree rather than the time alone: where clocks differ a child may seem to begin before its parent. */
function inOrder(spans: readonly ReceivedSpan[]): readonly ReceivedSpan[] {
  const byStart = spans.toSorted((a, b) => a.startMs - b.startMs);
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const ordered = new Set<ReceivedSpan>();
  const place = (span: ReceivedSpan) => {
    if (ordered.has(span)) return;
    ordered.add(span);
    for (const child of byStart) if (child.parentSpanId === span.spanId) place(child);
  };
  // Those whose parent is not here, or still on its way; then what leads in a circle.
  for (const span of byStart) if (span.parentSpanId === undefined || !ids.has(span.parentSpanId)) place(span);
  for (const span of byStart) place(span);
  return [...ordered];
}
