/**
 * How long an event took, measured between the clocks of two machines. Both times are wall-clock µs; the answer is in
 * seconds. A negative difference can only mean that the clocks disagree, so it is clamped to 0 and reported, never
 * recorded as a fast delivery.
 */
export interface Lag {
  readonly seconds: number;
  readonly clamped: boolean;
}

export function lagBetween(fromUs: number, toUs: number): Lag {
  const us = toUs - fromUs;
  return us < 0 ? { seconds: 0, clamped: true } : { seconds: us / 1e6, clamped: false };
}

/** `live`: as it happened. `repaired`: found missing and read from the stream. `joined`: the browser came after it. */
export type DeliveryKind = 'live' | 'repaired' | 'joined';

interface Happened {
  readonly occurredAt?: number;
  readonly republished?: boolean;
}

/**
 * The lag that the latency SLI records for an event emitted at `emittedAtUs`, or `undefined` when it has none: an event
 * published by hand says only when it was sent, and a republished one happened long before.
 */
export function connectToEmitLag(event: Happened, emittedAtUs: number): Lag | undefined {
  if (event.occurredAt === undefined || event.republished === true) return undefined;
  return lagBetween(event.occurredAt, emittedAtUs);
}

/**
 * The lag and kind of a snapshot. A browser that was already waiting when the event occurred has missed it, so its
 * delivery was a repair and counts in full. For one that came later the wait began when it joined.
 */
export function snapshotLag(
  event: Happened,
  {
    joinedAtUs,
    waitingSinceMs,
    emittedAtUs,
  }: { joinedAtUs: number; waitingSinceMs: number | undefined; emittedAtUs: number },
): { readonly kind: 'repaired' | 'joined'; readonly lag: Lag } | undefined {
  const lag = connectToEmitLag(event, emittedAtUs);
  if (lag === undefined || event.occurredAt === undefined) return undefined;
  const waited = waitingSinceMs !== undefined && waitingSinceMs * 1000 < event.occurredAt;
  if (waited) return { kind: 'repaired', lag };
  return { kind: 'joined', lag: event.occurredAt > joinedAtUs ? lag : lagBetween(joinedAtUs, emittedAtUs) };
}

interface Published {
  readonly timestamp: number;
  readonly publishedAt?: number;
}

/**
 * How long a message was on its way through the broker. Publishers that say only when the event was made do so in whole
 * ms, so for theirs it is up to 1 ms too long, and the wait for the broker is in it.
 */
export function brokerTransit({ timestamp, publishedAt = timestamp * 1000 }: Published, receivedUs: number): Lag {
  return lagBetween(publishedAt, receivedUs);
}
