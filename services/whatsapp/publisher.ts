import { SpanKind, trace, type Attributes } from '@opentelemetry/api';
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
import { endSpanWith, exemplarOf } from '../../shared/telemetry/spans.ts';
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
      root: true,
      kind: SpanKind.INTERNAL,
      ...(!republished && { startTime: occurred.wallUs / 1000 }),
    };
    const name = event.type === 'connected' ? CONNECT_SPAN : EVENT_SPAN;
    return tracer.startActiveSpan(name, options, (root) =>
      endSpanWith(root, async () => {
        // Attributes of a root that nobody records, and a span below it, would only cost.
        const isRecording = root.isRecording();
        if (isRecording) root.setAttributes(rootAttributes(event));
        const outcome = await (isRecording
          ? this.#sendTraced(companyId, position, event)
          : this.#send(companyId, position, event));
        root.setAttribute(ATTRIBUTES.outcome, outcome.kind);
        if (outcome.kind !== 'stored') {
          this.#options.instruments.publishRefused(event, outcome.kind);
          return outcome;
        }
        const timings = {
          prepareS: (started - occurred.monotonicMs) / 1000,
          publishS: (performance.now() - started) / 1000,
        };
        this.#options.instruments.published(event, timings, exemplarOf(root));
        return outcome;
      }),
    );
  }

  #sendTraced(companyId: CompanyId, position: Position, event: OrderedEvent): Promise<PublishOutcome> {
    const { name, options } = publishEventSpan(companyId, event.id);
    return tracer.startActiveSpan(name, options, (span) =>
      endSpanWith(span, () => this.#send(companyId, position, event)),
    );
  }

  /** The context of the active span goes along, recorded or not. */
  #send(companyId: CompanyId, position: Position, event: OrderedEvent): Promise<PublishOutcome> {
    const headers: Record<string, string> = { ...cloudEventHeaders(event, this.#options.source) };
    injectTraceContext(headers);
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
