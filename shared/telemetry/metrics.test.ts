import { describe, expect, test } from 'vitest';
import { createProcessMetrics, Metrics } from './metrics.ts';

async function lines(metrics: Metrics): Promise<readonly string[]> {
  return (await metrics.registry.metrics()).split('\n').filter((line) => !line.startsWith('#'));
}

describe('the metrics of a service', () => {
  test('take exactly the labels of the contract: all others do not compile', () => {
    const metrics = new Metrics();
    const repairs = metrics.counter('event_feed_repairs_total');
    repairs.inc({ reason: 'gap' });
    repairs.inc({ reason: 'gap' }, 2);
    // @ts-expect-error a label is missing
    expect(() => repairs.inc()).not.toThrow();
    // @ts-expect-error a label that nobody planned
    expect(() => repairs.inc({ reason: 'gap', company: '962301' })).toThrow(/company/);
    // @ts-expect-error a metric that nobody planned
    expect(() => metrics.counter('connects_total')).toThrow(TypeError);
    // @ts-expect-error a gauge is no counter
    const notACounter = () => metrics.counter('socketio_rooms');
    expect(notACounter).toBeTypeOf('function');
  });

  test('are the same instrument when they are asked for twice', async () => {
    const metrics = new Metrics();
    metrics.counter('publish_retries_total').inc();
    metrics.counter('publish_retries_total').inc(2);
    expect(await lines(metrics)).toContain('publish_retries_total 3');
  });

  test('have a series that was found once from the start, and count it at each scrape', async () => {
    const metrics = new Metrics();
    const labels = { event: 'other', outcome: 'no_audience', synthetic: 'false' };
    const series = metrics.counterSeries('socket_events_total', labels);
    const text = 'socket_events_total{event="other",outcome="no_audience",synthetic="false"}';
    expect(await lines(metrics)).toContain(`${text} 0`);
    for (let event = 0; event < 3; event += 1) series.inc();
    metrics.counter('socket_events_total').inc(labels);
    expect(await lines(metrics)).toContain(`${text} 4`);
    expect(await lines(metrics)).toContain(`${text} 4`);
  });

  test('ask for a total that is kept elsewhere, without counting any of it twice', async () => {
    const metrics = new Metrics();
    let total = 5;
    metrics.pullCounter('telemetry_export_failures_total', { signal: 'traces' }, () => total);
    expect(await lines(metrics)).toContain('telemetry_export_failures_total{signal="traces"} 5');
    total = 7;
    expect(await lines(metrics)).toContain('telemetry_export_failures_total{signal="traces"} 7');
  });

  test('lead from a bucket to the trace of its last measurement', async () => {
    const metrics = new Metrics();
    const trace = { trace_id: '0af7651916cd43dd8448eb211c80319c', span_id: 'b7ad6b7169203331' };
    const stage = metrics.histogram('whatsapp_event_stage_duration_seconds');
    stage.observe({ labels: { stage: 'emit', synthetic: 'false' }, value: 0.0002, exemplarLabels: trace });
    const [bucket] = (await lines(metrics)).filter((line) => line.includes('# {'));
    expect(bucket).toContain(
      'le="0.00025",stage="emit",synthetic="false"} 1 # {trace_id="0af7651916cd43dd8448eb211c80319c"',
    );
  });

  test('say of every process what it is, how busy, and what telemetry it lost', async () => {
    const text = await lines(createProcessMetrics('socket', '1.2.3'));
    expect(text).toContain('service_build_info{service="socket",version="1.2.3"} 1');
    expect(text.some((line) => /^nodejs_eventloop_utilization_ratio (?:0(?:\.\d+)?|1|\d\.?\d*e-\d+)$/.test(line))).toBe(
      true,
    );
    expect(text.some((line) => line.startsWith('telemetry_export_failures_total{signal="traces"}'))).toBe(true);
  });
});
