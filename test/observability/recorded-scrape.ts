import { readFileSync } from 'node:fs';
import { ALERTING_RULES, RECORDING_RULES } from '../../deploy/prometheus/rule-file.ts';
import type { LabelsOf, MetricName } from '../../shared/contract/metrics.ts';
import type { ForeignSeries } from '../../shared/contract/series.ts';
import type { Labels, Prometheus } from '../harness/prometheus.ts';
import { selectors } from './promql.ts';

export const RECORDED_SCRAPE = new URL('recorded-scrape.txt', import.meta.url);

/** A series as Prometheus stored it: what the real services export, with the labels of their target. */
export interface RecordedSeries {
  readonly name: string;
  readonly labels: Labels;
}

const RECORDED_BY_RULES = new Set(RECORDING_RULES.map(({ record }) => record));

/** Selectors by which rules read series of services. */
const READ_BY_RULES = [...ALERTING_RULES, ...RECORDING_RULES]
  .flatMap(({ expr }) => selectors(expr))
  .filter(({ name }) => !RECORDED_BY_RULES.has(name));
const NAMES = [...new Set(READ_BY_RULES.map(({ name }) => name))];
/** Of a histogram's buckets those that a rule reads; what has no buckets has no such label. */
const BUCKETS = [...new Set(['', ...READ_BY_RULES.flatMap(({ text }) => /le="([^"]+)"/.exec(text)?.[1] ?? [])])];

/** What a Prometheus holds now of the series that rules read, one a line; instances by job, because ports are free ones. */
export async function recordScrape(prometheus: Prometheus): Promise<string> {
  const stored = await prometheus.instant(`{__name__=~"${NAMES.join('|')}", le=~"${BUCKETS.join('|')}"}`);
  const lines = stored.map(({ metric }) => {
    const { __name__: name = '', job = '', ...labels } = metric;
    return format({ name, labels: { ...labels, job, instance: `${job}:1` } });
  });
  return `${[...new Set(lines)].toSorted().join('\n')}\n`;
}

/** The series that were recorded. */
export function readRecordedScrape(): readonly RecordedSeries[] {
  return readFileSync(RECORDED_SCRAPE, 'utf8').trim().split('\n').map(parse);
}

/** Names with the names of their labels: what must not change unnoticed. */
export function shapesOf(scrape: string): ReadonlySet<string> {
  return new Set(
    scrape
      .trim()
      .split('\n')
      .map(parse)
      .map(({ name, labels }) => `${name}{${Object.keys(labels).toSorted().join()}}`),
  );
}

/** The series of a name, or of some of its labels. Throws when none was recorded. */
export function recorded<Name extends MetricName>(
  name: Name | ForeignSeries | `${Name}_bucket` | `${Name}_count`,
  where: Partial<Readonly<Record<LabelsOf<Name> | 'job' | 'le', string>>> = {},
): readonly RecordedSeries[] {
  const found = readRecordedScrape().filter(
    (series) => series.name === name && Object.entries(where).every(([label, value]) => series.labels[label] === value),
  );
  if (found.length === 0) throw new Error(`${name} ${JSON.stringify(where)} was not recorded`);
  return found;
}

/** As it stands in a file of series. */
export function format({ name, labels }: RecordedSeries): string {
  const pairs = Object.keys(labels)
    .toSorted()
    .map((label) => `${label}=${JSON.stringify(labels[label])}`);
  return `${name}{${pairs.join(',')}}`;
}

function parse(line: string): RecordedSeries {
  const [, name = '', pairs = ''] = /^(\w+)\{(.*)\}$/.exec(line) ?? [];
  const labels = [...pairs.matchAll(/(\w+)=("(?:[^"\\]|\\.)*")/g)].map(([, label = '', value = '']) => [
    label,
    JSON.parse(value) as string,
  ]);
  return { name, labels: Object.fromEntries(labels) as Labels };
}
