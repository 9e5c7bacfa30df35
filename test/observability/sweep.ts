import { ALERTING_RULES, RECORDING_RULES } from '../../deploy/prometheus/rule-file.ts';
import { substitute } from '../../grafana/substitute.ts';
import type { Prometheus, Series } from '../harness/prometheus.ts';
import { queriesOf, readDashboards } from './generated.ts';
import { selectors, SUBSTITUTES } from './promql.ts';

/** One query that was executed. */
export interface Outcome {
  /** The dashboard, or `rules`. */
  readonly where: string;
  readonly panel: string;
  readonly expr: string;
  readonly series: number;
  /** The last value of the first series. */
  readonly sample: string;
  /** Why an empty answer is right. */
  readonly mayBeEmpty: string | undefined;
  readonly fault: string | undefined;
}

/** Parts of selectors that have no series here, and why. */
const ABSENT: readonly (readonly [part: RegExp, reason: string])[] = [
  [/^(gnatsd|jetstream)_/, 'there is no prometheus-nats-exporter on this machine'],
];

interface Query {
  readonly where: string;
  readonly panel: string;
  readonly expr: string;
  readonly instant: boolean;
  /** Labels that the legend shows. */
  readonly legend: readonly string[];
}

/** Executes every query of every panel and annotation, every recording rule and every selector of every alert. */
export async function sweep(prometheus: Prometheus, fromMs: number): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const query of allQueries()) outcomes.push(await execute(prometheus, query, fromMs));
  return outcomes;
}

function allQueries(): readonly Query[] {
  const drawn = readDashboards()
    .flatMap(queriesOf)
    .map(({ dashboard, panel, expr, instant, synthetic, legend }) => ({
      where: dashboard,
      panel,
      expr: substitute(expr, { ...SUBSTITUTES, synthetic }),
      instant,
      legend: [...legend.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1] ?? ''),
    }));
  const rule = { where: 'rules', instant: false, legend: [] };
  const recorded = RECORDING_RULES.map(({ record, labels, expr }) => ({
    ...rule,
    panel: [record, ...Object.values(labels ?? {})].join(' '),
    expr,
  }));
  const alerting = ALERTING_RULES.flatMap(({ alert, expr }) =>
    [...new Set(selectors(expr).map(({ text }) => text))].map((text) => ({ ...rule, panel: alert, expr: text })),
  );
  return [...drawn, ...recorded, ...alerting];
}

async function execute(
  prometheus: Prometheus,
  { where, panel, expr, instant, legend }: Query,
  fromMs: number,
): Promise<Outcome> {
  const reason = ABSENT.find(([part]) => selectors(expr).some(({ text }) => part.test(text)))?.[1];
  const outcome = { where, panel, expr, mayBeEmpty: reason };
  try {
    const series = instant ? await prometheus.instant(expr) : await prometheus.range(expr, { fromMs, stepS: 2 });
    const sample = series[0]?.values.at(-1) ?? '';
    return { ...outcome, series: series.length, sample, fault: faultOf(series, legend, reason) };
  } catch (error) {
    return { ...outcome, series: 0, sample: '', fault: error instanceof Error ? error.message : String(error) };
  }
}

function faultOf(series: readonly Series[], legend: readonly string[], mayBeEmpty: string | undefined) {
  if (series.length === 0) return mayBeEmpty === undefined ? 'empty' : undefined;
  const odd = series.find(({ values }) => values.some((value) => !Number.isFinite(Number(value))));
  if (odd) return `not finite: ${JSON.stringify(odd.metric)}`;
  // A label without a value is no label; one that no series has is a legend that stays blank.
  const blank = legend.filter((label) => label !== 'error_type' && series.every(({ metric }) => !(label in metric)));
  return blank.length > 0 ? `the legend names ${blank.join()}, which no series has` : undefined;
}

/** The outcomes as lines of columns. */
export function formatOutcomes(outcomes: readonly Outcome[]): string {
  return outcomes
    .map(({ where, panel, expr, series, sample, mayBeEmpty, fault }) => {
      const value = sample === '' ? '' : String(Number(Number(sample).toPrecision(4)));
      const note = fault ? `FAULT ${fault}` : series === 0 ? `(${mayBeEmpty})` : '';
      const columns = [where.padEnd(26), panel.padEnd(44), String(series).padStart(3), value.padStart(10)];
      return `${columns.join('  ')}  ${expr.length > 110 ? `${expr.slice(0, 109)}…` : expr}  ${note}`.trimEnd();
    })
    .join('\n');
}
