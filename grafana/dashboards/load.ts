import { OBJECTIVES } from '../../shared/contract/objectives.ts';
import { series } from '../../shared/contract/series.ts';
import { stat, timeseries, type DashboardSpec } from '../panel.ts';
import { by, current, foreignPerSecond, perSecond, quantile } from '../queries.ts';

const SLI = 'whatsapp_connect_to_emit_duration_seconds';
const BOUND_S = OBJECTIVES.connect_latency.boundS;

/** Every gateway reads every event, so the most that any of them read is what was offered. */
const OFFERED = `max(sum${by(['instance'])} (rate(${series('socket_events_total', { job: /$job/, instance: /$instance/, synthetic: /$synthetic/ })}[$__rate_interval])))`;
const DELIVERED = perSecond('socket_events_total', { where: { outcome: 'emitted' } });

export const load: DashboardSpec = {
  name: 'load',
  title: 'Load test',
  description: 'Synthetic events only: what was offered, what was delivered, and where the knee is.',
  synthetic: 'true',
  from: 'now-30m',
  sections: [
    {
      title: 'How much is offered, how much arrives?',
      panels: [
        stat({
          title: 'Offered now',
          description:
            'Events a second that gateways read. Lower than what the generator says it sends: the generator or NATS is the limit.',
          width: 6,
          unit: 'ops',
          queries: [{ expr: OFFERED, legend: 'offered' }],
          links: [{ dashboard: 'nats' }],
        }),
        stat({
          title: 'p99 now',
          description: 'Above 250 ms the knee is passed: this rate is more than the replicas can carry.',
          width: 6,
          unit: 's',
          queries: [{ expr: quantile(0.99, SLI), legend: 'p99' }],
          steps: [{ color: 'green' }, { from: BOUND_S, color: 'red' }],
          links: [{ dashboard: 'connect' }],
        }),
        stat({
          title: 'Lost now',
          description:
            'No event, or a failed emit, a second. Anything but 0 makes the run a failure, whatever its latency.',
          width: 6,
          unit: 'ops',
          queries: [
            {
              expr: `${perSecond('socket_events_total', { where: { outcome: /dropped|error/ } })} or vector(0)`,
              legend: 'lost',
            },
          ],
          steps: [{ color: 'green' }, { from: 0.001, color: 'red' }],
          links: [{ dashboard: 'socket', panel: 'What became of events' }],
        }),
        stat({
          title: 'Browsers of the run',
          description:
            'Connected clients. Fewer than the generator opened: look at rejections, then at its file descriptors.',
          width: 6,
          unit: 'short',
          queries: [{ expr: current('sum', 'socketio_connected_clients'), legend: 'browsers' }],
          links: [{ dashboard: 'socket', panel: 'Turned away' }],
        }),
        timeseries({
          title: 'Offered against delivered',
          description:
            'delivered is emitted to a room with browsers; the rest had no audience or was refused. They part: events are lost or nobody listens; look at the outcomes.',
          width: 12,
          unit: 'ops',
          queries: [
            { expr: OFFERED, legend: 'offered' },
            { expr: DELIVERED, legend: 'delivered' },
          ],
        }),
        timeseries({
          title: 'Latency (p50, p95, p99)',
          description:
            'Read it above the offered rate: where p99 leaves the others is the knee. Stay below two thirds of it in production.',
          width: 12,
          unit: 's',
          queries: [0.5, 0.95, 0.99].map((q) => ({ expr: quantile(q, SLI), legend: `p${q * 100}`, exemplars: true })),
          steps: [{ color: 'green' }, { from: BOUND_S, color: 'red' }],
          showSteps: true,
        }),
      ],
    },
    {
      title: 'What limits it?',
      panels: [
        timeseries({
          title: 'CPU of the processes',
          description: 'Cores used. One near 1 is a full event loop: add a replica of it.',
          width: 8,
          unit: 'short',
          queries: [
            {
              expr: foreignPerSecond('process_cpu_seconds_total', ['job', 'instance']),
              legend: '{{job}} {{instance}}',
            },
          ],
        }),
        timeseries({
          title: 'Stages (p95)',
          description:
            'The stage that grows with the rate is the bottleneck: emit is the gateway’s fan-out with the wait for the others of one read, broker_transit NATS, publish JetStream.',
          width: 8,
          unit: 's',
          stacked: true,
          queries: [
            { expr: quantile(0.95, 'whatsapp_event_stage_duration_seconds', { by: ['stage'] }), legend: '{{stage}}' },
          ],
        }),
        timeseries({
          title: 'Event loops',
          description: 'Busy share of each loop. The first to reach 0.9 is the one to replicate.',
          width: 8,
          unit: 'percentunit',
          max: 1,
          queries: [
            {
              expr: current('max', 'nodejs_eventloop_utilization_ratio', { by: ['instance'] }),
              legend: '{{instance}}',
            },
          ],
          links: [{ dashboard: 'telemetry' }],
        }),
      ],
    },
  ],
};
