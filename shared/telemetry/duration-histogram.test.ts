import { describe, expect, test } from 'vitest';
import { DurationHistogram } from './duration-histogram.ts';

function createHistogram(): DurationHistogram<'stage'> {
  return new DurationHistogram({ name: 'stage_seconds', help: 'stages', labelNames: ['stage'], buckets: [0.1, 0.25] });
}

async function values(histogram: DurationHistogram<'stage'>): Promise<readonly string[]> {
  const { values: samples } = await histogram.get();
  return samples.map(({ metricName, labels, value }) => `${metricName} ${labels['le'] ?? ''} ${value}`);
}

describe('a histogram of durations', () => {
  test('counts an observation in every bucket whose bound it does not exceed', async () => {
    const histogram = createHistogram();
    for (const seconds of [0.05, 0.1, 0.2, 7]) histogram.observe({ labels: { stage: 'emit' }, value: seconds });
    expect(await values(histogram)).toEqual([
      'stage_seconds_bucket 0.1 2',
      'stage_seconds_bucket 0.25 3',
      'stage_seconds_bucket +Inf 4',
      'stage_seconds_sum  7.35',
      'stage_seconds_count  4',
    ]);
  });

  test('has a series that somebody keeps from the start, and adds to it whichever way it is observed', async () => {
    const histogram = createHistogram();
    const series = histogram.series({ stage: 'route' });
    expect(await values(histogram)).toContain('stage_seconds_count  0');
    series.observe(0.2);
    histogram.observe({ labels: { stage: 'route' }, value: 0.2 });
    expect(await values(histogram)).toContain('stage_seconds_count  2');
    expect(histogram.series({ stage: 'route' })).toBe(series);
  });

  test('remembers the trace of the last observation of a bucket, and when it was made', async () => {
    const histogram = createHistogram();
    const series = histogram.series({ stage: 'emit' });
    const first = { trace_id: 'a'.repeat(32), span_id: 'b'.repeat(16) };
    const startedS = Date.now() / 1000;
    const last = { trace_id: 'c'.repeat(32), span_id: 'd'.repeat(16) };
    series.observe(9, first);
    series.observe(8, last);
    series.observe(7);
    const { values: samples } = await histogram.get();
    const kept = samples.filter(({ exemplar }) => exemplar);
    expect(kept.map(({ labels, exemplar }) => [labels['le'], exemplar?.labelSet, exemplar?.value])).toEqual([
      ['+Inf', last, 8],
    ]);
    expect(kept[0]?.exemplar?.timestamp).toBeGreaterThanOrEqual(startedS);
  });

  test('refuses what is no duration and a label that nobody planned, and counts neither', async () => {
    const histogram = createHistogram();
    const series = histogram.series({ stage: 'emit' });
    expect(() => series.observe(Number.NaN)).toThrow(TypeError);
    expect(() => series.observe(Number.POSITIVE_INFINITY)).toThrow(TypeError);
    // @ts-expect-error a label that nobody planned
    expect(() => histogram.series({ stage: 'emit', company: '962301' })).toThrow(/company/);
    expect(await values(histogram)).toContain('stage_seconds_count  0');
  });
});
