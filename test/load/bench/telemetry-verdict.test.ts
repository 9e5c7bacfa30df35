import { describe, expect, test } from 'vitest';
import { FIGURES, type Cell } from './cell.ts';
import { judgeTelemetry, MODES, renderTelemetry, type Mode, type TelemetryCells } from './telemetry-verdict.ts';

type Factors = Partial<Record<Mode['title'], Partial<Cell>>>;

/** Six cells of each mode: 80 µs of CPU, a p99 of 1 ms, and what differs. */
function cellsOf(gateway: Factors = {}, publisher: Factors = {}, repetitions = 6): TelemetryCells {
  const half = (differences: Factors) =>
    new Map(
      MODES.map(({ title }) => {
        const cell = {
          [FIGURES.cpu]: 80,
          [FIGURES.p99]: 1000,
          [FIGURES.p50]: 300,
          [FIGURES.lag]: 50,
          [FIGURES.wrong]: 0,
          ...differences[title],
        } as Cell;
        return [title, Array.from({ length: repetitions }, () => cell)] as const;
      }),
    );
  return { gateway: half(gateway), publisher: half(publisher) };
}

const outcomes = (cells: TelemetryCells) => judgeTelemetry(cells).targets.map(({ outcome }) => outcome);

describe('a run of telemetry', () => {
  test('in which tracing costs nothing reaches each target', () => {
    const cells = cellsOf();
    expect(outcomes(cells)).toEqual(['reached', 'reached', 'reached', 'reached']);
    expect(judgeTelemetry(cells).voidReasons).toEqual([]);
    expect(renderTelemetry(cells, judgeTelemetry(cells))).not.toContain('VOID');
  });

  test('misses a target by what is beyond 5 % of CPU or twice the p99, each service by itself and both together', () => {
    const cells = cellsOf(
      { 'ratio 0.01': { [FIGURES.p99]: 2100 }, 'ratio 0': { [FIGURES.cpu]: 84 } },
      { 'ratio 0': { [FIGURES.cpu]: 85 }, 'ratio 1': { [FIGURES.cpu]: 500 } },
    );
    const { targets, voidReasons } = judgeTelemetry(cells);
    expect(targets.map(({ measured, outcome }) => [measured, outcome])).toEqual([
      [169 / 160, 'missed'],
      [84 / 80, 'reached'],
      [85 / 80, 'missed'],
      [2.1, 'missed'],
    ]);
    expect(voidReasons).toEqual([]);
  });

  test('misses the target of one service, whatever the other makes up for', () => {
    const cells = cellsOf({ 'ratio 0': { [FIGURES.cpu]: 80 } }, { 'ratio 0': { [FIGURES.cpu]: 87 } });
    expect(outcomes(cells)).toEqual(['reached', 'reached', 'missed', 'reached']);
  });

  test.each([
    ['whose control differs by more than the target', cellsOf({ 'off again': { [FIGURES.cpu]: 86 } })],
    ['whose control is as much faster', cellsOf({}, { 'off again': { [FIGURES.cpu]: 75 } })],
    ['whose generator was late', cellsOf({ 'ratio 0.01': { [FIGURES.lag]: 101 } })],
    ['that lost an event', cellsOf({ 'ratio 1': { [FIGURES.wrong]: 1 } })],
    ['of too few repetitions', cellsOf({}, {}, 5)],
  ])('%s is void', (_title, cells) => {
    const verdict = judgeTelemetry(cells);
    expect(verdict.voidReasons).toHaveLength(1);
    expect(renderTelemetry(cells, verdict)).toContain(`VOID: ${verdict.voidReasons[0]}`);
  });

  test('says what went wrong of both services together, too', () => {
    const cells = cellsOf({ 'ratio 1': { [FIGURES.wrong]: 1 } }, { 'ratio 1': { [FIGURES.wrong]: 2 } });
    const lines = renderTelemetry(cells, judgeTelemetry(cells)).split('\n');
    const counts = lines.filter((line) => line.startsWith('ratio 1')).map((line) => Number(line.split(/ +/).at(-1)));
    expect(counts).toEqual([18, 6, 12]);
  });
});
