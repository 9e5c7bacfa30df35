/** A place in one company's order of events: first by ownership epoch, then by sequence within it. */
export interface Position {
  readonly epoch: number;
  readonly seq: number;
}

/**
 * The highest epoch that an event may carry. Owners follow the epoch of whatever the stream holds, so without a bound one
 * event published by hand could leave no number for anybody after it. An epoch a millisecond reaches it in 34 years.
 */
export const MAX_EPOCH = 2 ** 40;

/** Negative when `a` is older than `b`, 0 when they are the same place, positive when newer. */
export function comparePositions(a: Position, b: Position): number {
  return a.epoch - b.epoch || a.seq - b.seq;
}

/** The position of an event, or `undefined` when it was published by hand. */
export function positionOf(event: { readonly epoch?: number; readonly seq?: number }): Position | undefined {
  return event.epoch === undefined || event.seq === undefined ? undefined : { epoch: event.epoch, seq: event.seq };
}

/** The message id of the event at a position: `<companyId>:<epoch>:<seq>`. */
export function eventId(companyId: string, { epoch, seq }: Position): string {
  return `${companyId}:${epoch}:${seq}`;
}
