import { mergeLatencies, toPercentiles } from '../generator/latencies.ts';
import type { Measured } from '../run.ts';
import { addVerdicts, EMPTY_VERDICT } from '../verdict.ts';

/** One measurement; every figure that a scenario has, by name. */
export type Cell = Readonly<Record<string, number>>;

/** @param measured of a target that watches the gateway first */
export function toLatencyCell({ browsers, publishers, observation, measuredEvents }: Measured): Cell {
  const { p50Ms, p99Ms } = toPercentiles(mergeLatencies(browsers.map(({ latency }) => latency)));
  const lag = toPercentiles(mergeLatencies(publishers.map((publisher) => publisher.lag)));
  const { lost, duplicated, outOfOrder, wrongRoom } = browsers
    .map(({ verdict }) => verdict)
    .reduce(addVerdicts, EMPTY_VERDICT);
  const cpuSeconds = observation.uses[0]?.cpuSeconds ?? 0;
  return {
    'p50 µs': p50Ms * 1000,
    'p99 µs': p99Ms * 1000,
    'CPU µs/event': (cpuSeconds / measuredEvents) * 1e6,
    'lag p99 µs': lag.p99Ms * 1000,
    'lost, repeated, misplaced': lost + duplicated + outOfOrder + wrongRoom,
  };
}
