import { foreignSeries, type ForeignSeries } from '../../shared/contract/series.ts';
import { stat, timeseries, type DashboardSpec } from '../panel.ts';
import { current, perSecond, quantile } from '../queries.ts';

/** The exporter is a job of its own: what is selected above are our services. */
function exported(name: ForeignSeries, label: 'server_id' | 'stream_name'): string {
  return `sum by (${label}) (${foreignSeries(name)})`;
}

function exportedPerSecond(name: ForeignSeries, label: 'server_id' | 'stream_name'): string {
  return `sum by (${label}) (rate(${foreignSeries(name)}[$__rate_interval]))`;
}

export const nats: DashboardSpec = {
  name: 'nats',
  title: 'NATS server and JetStream',
  description: 'The broker as our clients see it, and as prometheus-nats-exporter reports it (varz and jsz).',
  sections: [
    {
      title: 'As our services see it',
      panels: [
        stat({
          title: 'Connected to NATS',
          description:
            'Each replica: 1 is connected. A single 0 is that host’s network; all 0 is NATS: see the runbook.',
          width: 4,
          height: 8,
          unit: 'bool_on_off',
          queries: [
            {
              expr: current('min', 'nats_client_connected', { by: ['job', 'instance'] }),
              legend: '{{job}} {{instance}}',
            },
          ],
          steps: [{ color: 'red' }, { from: 1, color: 'green' }],
          links: [{ dashboard: 'runbooks', panel: 'NatsDown' }],
        }),
        timeseries({
          title: 'Round trip to NATS',
          description:
            'Ping and answer. Rises for all: nats-server is busy or swaps; for one: its network, or its own event loop.',
          width: 10,
          unit: 's',
          queries: [{ expr: current('max', 'nats_client_rtt_seconds', { by: ['instance'] }), legend: '{{instance}}' }],
          links: [{ dashboard: 'telemetry', panel: 'Event loop' }],
        }),
        timeseries({
          title: 'Lost connections and reconnects',
          description:
            'lost is a server that went away, stale a dead link, slow_consumer a client that was cut off. A steady rate: see the runbook.',
          width: 10,
          unit: 'ops',
          queries: [
            {
              expr: perSecond('nats_client_disconnects_total', { by: ['job', 'reason'] }),
              legend: 'lost {{job}}: {{reason}}',
            },
            { expr: perSecond('nats_client_reconnects_total', { by: ['job'] }), legend: 'back {{job}}' },
          ],
          links: [
            { dashboard: 'runbooks', panel: 'NatsReconnectStorm' },
            { dashboard: 'runbooks', panel: 'NatsSlowConsumer' },
          ],
        }),
        timeseries({
          title: 'Messages of our clients',
          description:
            'Sent and consumed by subject. sent without consumed: nobody is subscribed. An error_type names what failed.',
          width: 12,
          unit: 'ops',
          queries: [
            {
              expr: perSecond('messaging_client_sent_messages_total', {
                by: ['messaging_destination_template', 'error_type'],
              }),
              legend: 'sent {{messaging_destination_template}} {{error_type}}',
            },
            {
              expr: perSecond('messaging_client_consumed_messages_total', {
                by: ['messaging_destination_template', 'error_type'],
              }),
              legend: 'consumed {{messaging_destination_template}} {{error_type}}',
            },
          ],
        }),
        timeseries({
          title: 'Operations of our clients (p95)',
          description:
            'publish waits for JetStream’s confirmation, request for an answer. publish above 100 ms: disk of the leader, or quorum over a slow network.',
          width: 12,
          unit: 's',
          queries: [
            {
              expr: quantile(0.95, 'messaging_client_operation_duration_seconds', {
                by: ['messaging_operation_name', 'messaging_destination_template'],
              }),
              legend: '{{messaging_operation_name}} {{messaging_destination_template}}',
              exemplars: true,
            },
          ],
        }),
      ],
    },
    {
      title: 'As the server reports it',
      panels: [
        timeseries({
          title: 'Messages through the server',
          description:
            'In and out. out far above in is the fan-out to replicas. A cliff to 0: no clients, or the exporter is gone.',
          width: 8,
          unit: 'ops',
          queries: [
            { expr: exportedPerSecond('gnatsd_varz_in_msgs', 'server_id'), legend: 'in {{server_id}}' },
            { expr: exportedPerSecond('gnatsd_varz_out_msgs', 'server_id'), legend: 'out {{server_id}}' },
          ],
        }),
        timeseries({
          title: 'Bytes through the server',
          description:
            'Compare with the network of the host. Bytes grow and messages do not: events became larger, look at their size.',
          width: 8,
          unit: 'Bps',
          queries: [
            { expr: exportedPerSecond('gnatsd_varz_in_bytes', 'server_id'), legend: 'in {{server_id}}' },
            { expr: exportedPerSecond('gnatsd_varz_out_bytes', 'server_id'), legend: 'out {{server_id}}' },
          ],
        }),
        timeseries({
          title: 'Clients of the server',
          description:
            'Connections, subscriptions, and clients that were cut off for reading too slowly. The last one grows: see the runbook.',
          width: 8,
          unit: 'short',
          queries: [
            { expr: exported('gnatsd_varz_connections', 'server_id'), legend: 'connections {{server_id}}' },
            { expr: exported('gnatsd_varz_subscriptions', 'server_id'), legend: 'subscriptions {{server_id}}' },
            { expr: exported('gnatsd_varz_slow_consumers', 'server_id'), legend: 'slow consumers {{server_id}}' },
          ],
          links: [{ dashboard: 'runbooks', panel: 'NatsSlowConsumer' }],
        }),
        timeseries({
          title: 'CPU of the server',
          description:
            'In percent of one core. Near the number of cores: move clients to another node, or find who publishes.',
          width: 6,
          unit: 'percent',
          queries: [{ expr: exported('gnatsd_varz_cpu', 'server_id'), legend: '{{server_id}}' }],
        }),
        timeseries({
          title: 'Memory of the server',
          description: 'Resident. A steady climb: pending data of slow clients; look at slow consumers.',
          width: 6,
          unit: 'bytes',
          queries: [{ expr: exported('gnatsd_varz_mem', 'server_id'), legend: '{{server_id}}' }],
        }),
        timeseries({
          title: 'Messages in streams',
          description:
            'At most 64 for each company in WHATSAPP_EVENTS. A fall to 0: the stream was created anew; the WhatsApp service publishes all states again.',
          width: 6,
          unit: 'short',
          queries: [
            { expr: exported('jetstream_stream_total_messages', 'stream_name'), legend: '{{stream_name}}' },
            {
              expr: exportedPerSecond('jetstream_stream_last_seq', 'stream_name'),
              legend: 'stored a second {{stream_name}}',
            },
          ],
        }),
        timeseries({
          title: 'Storage of streams',
          description:
            'Compare with the disk: JetStream stops confirming when it is full, and the publish queue grows.',
          width: 6,
          unit: 'bytes',
          queries: [
            { expr: exported('jetstream_stream_total_bytes', 'stream_name'), legend: '{{stream_name}}' },
            { expr: exported('jetstream_server_total_message_bytes', 'server_id'), legend: 'server {{server_id}}' },
          ],
          links: [{ dashboard: 'runbooks', panel: 'PublishQueueGrowing' }],
        }),
      ],
    },
  ],
};
