let lostSpans = 0;

/** Spans of this process that were sampled and never reached the receiver. */
export function lostSpanCount(): number {
  return lostSpans;
}

export function addLostSpans(count: number): void {
  lostSpans += count;
}
