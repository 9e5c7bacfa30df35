import { errorRatio } from '../../shared/contract/objectives.ts';
import { series } from '../../shared/contract/series.ts';
import { heatmap, stat, timeseries, type DashboardSpec } from '../panel.ts';
import { countOverRange, current, heat, perSecond, quantile } from '../queries.ts';

export const canary: DashboardSpec = {
  name: 'canary',
  title: 'Canary and clocks',
  description:
    'A synthetic connect every few seconds, received as a NATS subscriber and as a browser of each gateway, measured with one clock.',
  synthetic: 'true',
  sections: [
    {
      title: 'Does the path work, with nobody connecting?',
      panels: [
        stat({
          title: 'Last success',
          description:
            'Age of the newest success by path. nats grows: the broker. socket alone grows: the gateways. Both: see the runbook.',
          width: 6,
          unit: 's',
          decimals: 0,
          queries: [
            { expr: `time() - max by (path) (${series('canary_last_success_timestamp_seconds')})`, legend: '{{path}}' },
          ],
          steps: [{ color: 'green' }, { from: 20, color: 'orange' }, { from: 60, color: 'red' }],
          links: [{ dashboard: 'runbooks', panel: 'CanaryDown' }],
        }),
        stat({
          title: 'Lost, repeated, out of order',
          description:
            'Over the shown time. lost must be 0; duplicates that reach a browser and a wrong order are faults of the gateway.',
          width: 6,
          unit: 'short',
          decimals: 0,
          queries: [
            {
              expr: countOverRange('canary_messages_total', {
                where: { result: /lost|duplicate|out_of_order/ },
                by: ['result'],
              }),
              legend: '{{result}}',
            },
          ],
          steps: [{ color: 'green' }, { from: 1, color: 'red' }],
          links: [{ dashboard: 'runbooks', panel: 'CanaryLoss' }],
        }),
        stat({
          title: 'Received, last hour',
          description: 'Share of the expected messages that arrived. Below 99.9 % the budget burns: see the runbook.',
          width: 6,
          unit: 'percentunit',
          decimals: 3,
          queries: [{ expr: `1 - ${errorRatio('1h', 'canary')}`, legend: 'received' }],
          steps: [{ color: 'red' }, { from: 0.99, color: 'orange' }, { from: 0.999, color: 'green' }],
          links: [{ dashboard: 'runbooks', panel: 'CanaryBurn' }, { dashboard: 'objectives' }],
        }),
        stat({
          title: 'Latencies below zero',
          description:
            'Measurements that were clamped to 0 over the shown time: clocks disagree. Anything but 0: look at the offset.',
          width: 6,
          unit: 'short',
          decimals: 0,
          queries: [{ expr: countOverRange('negative_latency_total'), legend: 'clamped' }],
          steps: [{ color: 'green' }, { from: 1, color: 'orange' }],
          links: [{ dashboard: 'runbooks', panel: 'ClockSkew' }],
        }),
        timeseries({
          title: 'Messages of the canary',
          description:
            'sent and received run together. A gap between them is loss; both at 0 is a canary that is down.',
          width: 8,
          unit: 'ops',
          queries: [{ expr: perSecond('canary_messages_total', { by: ['result'] }), legend: '{{result}}' }],
        }),
        timeseries({
          title: 'Latency by path',
          description:
            'p50 and p99. nats is the broker alone, socket includes a gateway: the difference is the gateway’s part.',
          width: 8,
          unit: 's',
          queries: [0.5, 0.99].map((q) => ({
            expr: quantile(q, 'canary_duration_seconds', { by: ['path'] }),
            legend: `p${q * 100} {{path}}`,
            exemplars: true,
          })),
          links: [{ dashboard: 'connect', panel: 'Where the time goes (p95 of each stage)' }],
        }),
        heatmap({
          title: 'All rounds',
          description:
            'Every round by its duration. A second band that comes and goes: one replica, or pauses for garbage collection.',
          width: 8,
          unit: 's',
          queries: [{ expr: heat('canary_duration_seconds'), legend: '{{le}}', exemplars: true }],
          links: [{ dashboard: 'telemetry' }],
        }),
      ],
    },
    {
      title: 'Can the latencies be believed?',
      panels: [
        timeseries({
          title: 'Clock offset',
          description:
            'Clock of the peer minus the own. Beyond 50 ms broker_transit and the SLI are wrong by that much: look at time synchronisation.',
          width: 12,
          unit: 's',
          queries: [
            {
              expr: current('max', 'clock_offset_seconds', { by: ['instance', 'peer'] }),
              legend: '{{instance}} to {{peer}}',
            },
          ],
          steps: [{ color: 'green' }, { from: 0.05, color: 'red' }],
          showSteps: true,
          links: [{ dashboard: 'runbooks', panel: 'ClockSkew' }],
        }),
        timeseries({
          title: 'Clamped latencies',
          description:
            'Latencies below zero a second. They follow the offset; without an offset it is a fault of ours.',
          width: 12,
          unit: 'ops',
          queries: [{ expr: perSecond('negative_latency_total', { by: ['instance'] }), legend: '{{instance}}' }],
        }),
      ],
    },
  ],
};
