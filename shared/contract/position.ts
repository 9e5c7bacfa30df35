/** A place in one company's order of events: first by ownership epoch, then by sequence within it. */
export interface Position {
  readonly epoch: number;
  readonly seq: number;
}

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
