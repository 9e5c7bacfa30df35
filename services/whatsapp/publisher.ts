import { ROOT_CONTEXT, SpanKind, trace, type Attributes, type Context, type Span } from '@opentelemetry/api';
import type { ConfirmedPublisher } from '../../shared/bus/confirmed-publisher.ts';
import type { PublishOutcome } from '../../shared/bus/publish-attempt.ts';
import { injectTraceContext } from '../../shared/bus/trace-context.ts';
import type { CompanyId } from '../../shared/contract/company-id.ts';
import type { OrderedEvent } from '../../shared/contract/events.ts';
import { cloudEventHeaders } from '../../shared/contract/headers.ts';
import type { Position } from '../../shared/contract/position.ts';
import { EVENTS_TEMPLATE } from '../../shared/contract/subjects.ts';
import type { WallClock } from '../../shared/lifecycle/wall-clock.ts';
import { ATTRIBUTES } from '../../shared/telemetry/attributes.ts';
import { publishEventSpan } from '../../shared/telemetry/messaging-spans.ts';
import { CONNECT_SPAN, EVENT_SPAN } from '../../shared/telemetry/span-names.ts';
import { endSpanWith } from '../../shared/telemetry/spans.ts';
import type { Instruments } from './instruments.ts';
import { toOrderedEvent, type EventDraft } from './session/session-event.ts';

const tracer = trace.getTracer('whatsapp');
const encoder = new TextEncoder();

export interface EventPublisherOptions {
  readonly publisher: Pick<ConfirmedPublisher, 'publish'>;
  readonly instruments: Instruments;
  /** `ce-source`: which replica published it. */
  readonly source: string;
  readonly clock: WallClock;
  /** `false`: the right to publish is over, whatever the stream knows of it. */
  readonly mayPublish: () => boolean;
}

/** An event in its final form, and where it belongs. */
interface Stamped {
  readonly companyId: CompanyId;
  readonly position: Position;
  readonly event: OrderedEvent;
}

/**
 * Publishes one session event at its place, traced and confirmed. Each event is the root of a trace of its own:
 * `whatsapp connect` when it is `connected`, `whatsapp event` otherwise, from the moment WhatsApp reported it to the
 * stream's acknowledgement, with the publish as its child. Neither holds a QR, a code, a name or a phone number.
 */
export class EventPublisher {
  readonly #options: EventPublisherOptions;

  constructor(options: EventPublisherOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the stream has decided. `onStamped` gets the event before it is sent.
   * @throws whatever the confirmed publisher rejects with.
   */
  async publish(
    companyId: CompanyId,
    position: Position,
    draft: EventDraft,
    onStamped: (event: OrderedEvent) => void,
  ): Promise<PublishOutcome> {
    // As the stream will answer once the next owner has published.
    if (!this.#options.mayPublish()) return { kind: 'fenced', by: position };
    const { occurred, republished } = draft;
    const started = performance.now();
    const event = toOrderedEvent(companyId, position, draft, Date.now());
    onStamped(event);
    const options = {
      kind: SpanKind.INTERNAL,
      ...(!republished && { startTime: occurred.wallUs / 1000 }),
    };
    const root = tracer.startSpan(event.type === 'connected' ? CONNECT_SPAN : EVENT_SPAN, options, ROOT_CONTEXT);
    return endSpanWith(root, async () => {
      const outcome = await this.#sendTraced({ companyId, position, event }, root);
      root.setAttribute(ATTRIBUTES.outcome, outcome.kind);
      if (outcome.kind !== 'stored') {
        this.#options.instruments.publishRefused(event, outcome.kind, root);
        return outcome;
      }
      const timings = {
        prepareS: (started - occurred.monotonicMs) / 1000,
        publishS: (performance.now() - started) / 1000,
      };
      this.#options.instruments.published(event, timings, root);
      return outcome;
    });
  }

  /**
   * The context is handed on and not made the active one: to carry it over the awaits costs more than its ids, and the
   * confirmed publisher works off what waits of a company in one go, all of it in the context of whichever began that.
   */
  #sendTraced(stamped: Stamped, root: Span): Promise<PublishOutcome> {
    const inRoot = trace.setSpan(ROOT_CONTEXT, root);
    // Attributes of a root that nobody records, and a span below it, would only cost.
    if (!root.isRecording()) return this.#send(stamped, inRoot);
    root.setAttributes(rootAttributes(stamped.event));
    const { name, options } = publishEventSpan(stamped.companyId, stamped.event.id);
    const span = tracer.startSpan(name, options, inRoot);
    return endSpanWith(span, () => this.#send(stamped, trace.setSpan(inRoot, span)));
  }

  #send({ companyId, position, event }: Stamped, within: Context): Promise<PublishOutcome> {
    const headers: Record<string, string> = { ...cloudEventHeaders(event, this.#options.source) };
    injectTraceContext(headers, within);
    const { publisher, instruments, clock } = this.#options;
    const body = () => encoder.encode(JSON.stringify({ ...event, publishedAt: clock.nowMicros() }));
    const message = { id: event.id, position, body, headers };
    return instruments.messaging.send('publish', EVENTS_TEMPLATE, () => publisher.publish(companyId, message));
  }
}

function rootAttributes(event: OrderedEvent): Attributes {
  return {
    [ATTRIBUTES.companyId]: event.companyId,
    [ATTRIBUTES.eventType]: event.type,
    [ATTRIBUTES.sessionState]: event.state,
    [ATTRIBUTES.synthetic]: event.synthetic === true,
  };
}
