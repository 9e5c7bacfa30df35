/** By the numbers of the protocol: 1 is INTERNAL. https://opentelemetry.io/docs/specs/otlp/ */
const KINDS = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'] as const;

export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** A span as it arrived, with values as plain JSON. */
export interface ReceivedSpan {
  /** `service.name` of the process that made it. */
  readonly service: string;
  readonly name: string;
  readonly kind: (typeof KINDS)[number];
  readonly traceId: string;
  readonly spanId: string;
  /** Absent for a root. */
  readonly parentSpanId: string | undefined;
  /** ms since the epoch, with fractions. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly failed: boolean;
  readonly attributes: Attributes;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly events: readonly { readonly name: string; readonly attributes: Attributes }[];
}

type KeyValues = readonly { key: string; value: Readonly<Record<string, unknown>> }[];

interface OtlpSpan {
  name: string;
  kind: number;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  status?: { code?: number };
  attributes?: KeyValues;
  links?: { traceId: string; spanId: string }[];
  events?: { name: string; attributes?: KeyValues }[];
}

interface OtlpRequest {
  resourceSpans?: { resource: { attributes: KeyValues }; scopeSpans: { spans: OtlpSpan[] }[] }[];
}

const STATUS_ERROR = 2;

/**
 * The spans of one OTLP request in the JSON encoding, which is what the services send.
 * @throws SyntaxError or TypeError when it is none.
 */
export function parseOtlpTraces(body: string): readonly ReceivedSpan[] {
  const { resourceSpans = [] } = JSON.parse(body) as OtlpRequest;
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = String(toRecord(resource.attributes)['service.name']);
    return scopeSpans.flatMap(({ spans }) => spans.map((span) => toReceived(service, span)));
  });
}

function toReceived(service: string, span: OtlpSpan): ReceivedSpan {
  const { name, kind, traceId, spanId, parentSpanId, attributes = [], links = [], events = [] } = span;
  const startMs = Number(BigInt(span.startTimeUnixNano) / 1000n) / 1000;
  return {
    service,
    name,
    kind: KINDS[kind] ?? 'UNSPECIFIED',
    traceId,
    spanId,
    parentSpanId: parentSpanId === '' ? undefined : parentSpanId,
    startMs,
    durationMs: Number(BigInt(span.endTimeUnixNano) / 1000n) / 1000 - startMs,
    failed: span.status?.code === STATUS_ERROR,
    attributes: toRecord(attributes),
    links: links.map((link) => ({ traceId: link.traceId, spanId: link.spanId })),
    events: events.map((event) => ({ name: event.name, attributes: toRecord(event.attributes ?? []) })),
  };
}

/** Each value is an object with one field that names its type. */
function toRecord(attributes: KeyValues): Attributes {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, toScalar(Object.values(value)[0])]));
}

function toScalar(value: unknown): string | number | boolean {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return JSON.stringify(value) ?? '';
}
