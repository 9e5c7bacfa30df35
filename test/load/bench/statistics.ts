/** The middle value; between the two in the middle when there is an even number. 0 for none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? upper;
  return (lower + upper) / 2;
}

/** The mean of what is left without the highest and the lowest tenth. 0 for none. */
export function trimmedMean(values: readonly number[]): number {
  const cut = Math.floor(values.length / 10);
  const kept = values.toSorted((a, b) => a - b).slice(cut, values.length - cut);
  return kept.length === 0 ? 0 : kept.reduce((sum, value) => sum + value, 0) / kept.length;
}

/** How far the values lie apart: (highest - lowest) / median; 0 for fewer than two. */
export function spread(values: readonly number[]): number {
  const middle = median(values);
  return values.length < 2 || middle === 0 ? 0 : (Math.max(...values) - Math.min(...values)) / middle;
}

/**
 * The median of the ratios of values that were measured beside each other. What drifts over the minutes of a benchmark
 * is in both of a pair and falls out, which it does not from the ratio of two medians.
 */
export function medianRatio(numerators: readonly number[], denominators: readonly number[]): number {
  const ratios = numerators.flatMap((numerator, index) => {
    const denominator = denominators[index];
    return denominator === undefined || denominator === 0 ? [] : [numerator / denominator];
  });
  return median(ratios);
}

/** The same thing measured twice must come out the same, or the machine was too restless to compare anything. */
export function isCalm(controlRatio: number): boolean {
  return controlRatio >= 0.9 && controlRatio <= 1.1;
}

/** `items` in an order that differs from round to round, so that none always follows the same other. */
export function rotated<T>(items: readonly T[], round: number): readonly T[] {
  const at = items.length === 0 ? 0 : round % items.length;
  const turned = [...items.slice(at), ...items.slice(0, at)];
  return Math.floor(round / Math.max(1, items.length)) % 2 === 0 ? turned : turned.toReversed();
}

/** `items` in random order: in the long run each follows each of the others equally often. */
export function shuffled<T>(items: readonly T[]): readonly T[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ item }) => item);
}
