import { table, timeseries, type DashboardSpec } from '../panel.ts';
import { current, foreign, foreignPerSecond, perSecond } from '../queries.ts';

export const telemetry: DashboardSpec = {
  name: 'telemetry',
  title: 'Telemetry health',
  description: 'Whether the other dashboards can be believed, and how the processes themselves are.',
  sections: [
    {
      title: 'Is everything measured?',
      panels: [
        timeseries({
          title: 'Targets',
          description:
            'Each process that Prometheus scrapes: 1 answers. 0: all its panels show the past. See the runbook.',
          width: 8,
          unit: 'bool_on_off',
          queries: [{ expr: foreign('up'), legend: '{{job}} {{instance}}' }],
          links: [{ dashboard: 'runbooks', panel: 'TargetDown' }],
        }),
        timeseries({
          title: 'Series of an instance',
          description:
            'Flat whatever the number of companies. A climb is a label that holds what it must not: find it before Prometheus suffers.',
          width: 8,
          unit: 'short',
          queries: [{ expr: foreign('scrape_samples_scraped'), legend: '{{job}} {{instance}}' }],
          steps: [{ color: 'green' }, { from: 5000, color: 'red' }],
          showSteps: true,
          links: [{ dashboard: 'runbooks', panel: 'SeriesBudget' }],
        }),
        timeseries({
          title: 'Time of a scrape',
          description: 'Above a second: the process is saturated, or exports too many series.',
          width: 8,
          unit: 's',
          queries: [{ expr: foreign('scrape_duration_seconds'), legend: '{{job}} {{instance}}' }],
        }),
        timeseries({
          title: 'Telemetry that was lost',
          description:
            'Exports that failed, by signal. Traces of that time are incomplete. Look at the collector; see the runbook.',
          width: 8,
          unit: 'ops',
          queries: [
            {
              expr: perSecond('telemetry_export_failures_total', { by: ['signal', 'instance'] }),
              legend: '{{signal}} {{instance}}',
            },
          ],
          links: [{ dashboard: 'runbooks', panel: 'TelemetryExportFailing' }],
        }),
        table({
          title: 'What is running',
          description:
            'Version of each process. Two versions of one service outside of a deployment: a replica was forgotten.',
          width: 16,
          height: 8,
          unit: 'none',
          queries: [
            {
              expr: current('max', 'service_build_info', { by: ['job', 'instance', 'service', 'version'] }),
              legend: '{{service}} {{version}}',
              instant: true,
            },
          ],
        }),
      ],
    },
    {
      title: 'How are the processes?',
      panels: [
        timeseries({
          title: 'Event loop',
          description:
            'Busy share of each loop. Above 0.9 everything waits: add a replica, or look for what blocks. See the runbook.',
          width: 8,
          unit: 'percentunit',
          max: 1,
          queries: [
            {
              expr: current('max', 'nodejs_eventloop_utilization_ratio', { by: ['job', 'instance'] }),
              legend: '{{job}} {{instance}}',
            },
          ],
          steps: [{ color: 'green' }, { from: 0.9, color: 'red' }],
          showSteps: true,
          links: [{ dashboard: 'runbooks', panel: 'EventLoopSaturated' }],
        }),
        timeseries({
          title: 'Event loop lag (p99)',
          description:
            'How late timers are, since the last scrape. Spikes without load: garbage collection or a synchronous call.',
          width: 8,
          unit: 's',
          queries: [{ expr: foreign('nodejs_eventloop_lag_p99_seconds'), legend: '{{job}} {{instance}}' }],
        }),
        timeseries({
          title: 'CPU',
          description: 'Cores used by each process. A Node process lives on one: near 1 it is full.',
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
          title: 'Heap used',
          description:
            'A saw is healthy. A floor that rises for hours is a leak: take a heap snapshot before it restarts.',
          width: 6,
          unit: 'bytes',
          queries: [{ expr: foreign('nodejs_heap_size_used_bytes'), legend: '{{job}} {{instance}}' }],
        }),
        timeseries({
          title: 'Resident memory',
          description:
            'What the host sees. Rises while the heap does not: buffers of slow clients; look at browsers and at NATS.',
          width: 6,
          unit: 'bytes',
          queries: [{ expr: foreign('process_resident_memory_bytes'), legend: '{{job}} {{instance}}' }],
          links: [{ dashboard: 'socket' }],
        }),
        timeseries({
          title: 'Garbage collection',
          description:
            'Share of time spent in it, by kind. major above a few percent: too little heap or too much garbage.',
          width: 6,
          unit: 'percentunit',
          queries: [
            {
              expr: foreignPerSecond('nodejs_gc_duration_seconds_sum', ['instance', 'kind']),
              legend: '{{kind}} {{instance}}',
            },
          ],
        }),
        timeseries({
          title: 'Open files',
          description:
            'Sockets included. Near the limit of the process (ulimit -n) new browsers are refused: raise it.',
          width: 6,
          unit: 'short',
          queries: [{ expr: foreign('process_open_fds'), legend: '{{job}} {{instance}}' }],
          links: [{ dashboard: 'socket', panel: 'Browsers by transport' }],
        }),
      ],
    },
  ],
};
