export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Series {
  readonly name: string;
  /** Any CSS colour. */
  readonly colour: string;
  readonly dashed?: boolean;
  readonly points: readonly Point[];
}

export interface LineChart {
  readonly series: readonly Series[];
  readonly x: { readonly ticks: readonly { readonly at: number; readonly text: string }[]; readonly title: string };
  readonly y: {
    readonly scale: 'linear' | 'log';
    readonly format: (value: number) => string;
    readonly title: string;
  };
}

const WIDTH = 920;
const HEIGHT = 300;
const MARGIN = { left: 72, right: 32, top: 12, bottom: 44 };

/** An SVG chart with its legend. On the logarithmic axis what is below 1 µs stands at 1 µs. */
export function lineChart({ series, x, y }: LineChart): string {
  const points = series.flatMap((each) => each.points);
  const xs = [...points.map((point) => point.x), ...x.ticks.map(({ at }) => at)];
  const toX = scaleLinear(Math.min(...xs), Math.max(...xs), [MARGIN.left, WIDTH - MARGIN.right]);
  const { ticks, toY } = y.scale === 'log' ? logAxis(points) : linearAxis(points);
  const grid = ticks.map((tick) => {
    const at = toY(tick).toFixed(1);
    return `<line class="grid" x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${at}" y2="${at}"/><text x="${MARGIN.left - 8}" y="${at}" dy="4" text-anchor="end">${y.format(tick)}</text>`;
  });
  const marks = x.ticks.map(({ at, text }) => {
    const left = toX(at).toFixed(1);
    return `<text x="${left}" y="${HEIGHT - MARGIN.bottom + 18}" text-anchor="middle">${text}</text><line class="grid" x1="${left}" x2="${left}" y1="${HEIGHT - MARGIN.bottom}" y2="${HEIGHT - MARGIN.bottom + 4}"/>`;
  });
  const lines = series.map(({ points: own, colour, dashed }) => {
    const path = own.map((point) => `${toX(point.x).toFixed(1)},${toY(point.y).toFixed(1)}`).join(' ');
    return `<polyline class="line" style="stroke:${colour}"${dashed ? ' stroke-dasharray="6 5"' : ''} points="${path}"/>`;
  });
  const legend = series.map(
    ({ name, colour, dashed }) =>
      `<li><i${dashed ? ' class="dashed"' : ''} style="border-color:${colour}"></i>${name}</li>`,
  );
  return `<ul class="legend">${legend.join('')}</ul>
<div class="scroll"><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${y.title} by ${x.title}">
${grid.join('\n')}
${marks.join('\n')}
<text x="${(WIDTH + MARGIN.left) / 2}" y="${HEIGHT - 6}" text-anchor="middle">${x.title}</text>
${lines.join('\n')}
</svg></div>`;
}

interface Axis {
  readonly ticks: readonly number[];
  readonly toY: (value: number) => number;
}

const Y_RANGE = [HEIGHT - MARGIN.bottom, MARGIN.top] as const;
const LOWEST_MS = 0.001;

/** Whole decades, and their 2 and 5 where there is room. */
function logAxis(points: readonly Point[]): Axis {
  const values = points.map((point) => Math.max(LOWEST_MS, point.y));
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  const to = scaleLinear(low, high, Y_RANGE);
  const within = high - low <= 2 ? [1, 2, 5] : [1];
  const ticks = Array.from({ length: high - low + 1 }, (_, decade) => within.map((step) => step * 10 ** (low + decade)))
    .flat()
    .filter((tick) => Math.log10(tick) <= high + 1e-9);
  return { ticks, toY: (value) => to(Math.log10(Math.max(LOWEST_MS, value))) };
}

function linearAxis(points: readonly Point[]): Axis {
  const highest = Math.max(1, ...points.map(({ y }) => y));
  const rough = highest / 5;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * magnitude).find((each) => each >= rough) ?? rough;
  const top = Math.ceil(highest / step) * step;
  const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, index) => index * step);
  return { ticks, toY: scaleLinear(0, top, Y_RANGE) };
}

function scaleLinear(low: number, high: number, [from, to]: readonly [number, number]): (value: number) => number {
  const span = high - low || 1;
  return (value) => from + ((value - low) / span) * (to - from);
}
