import { timeseries, type DashboardSpec } from '../panel.ts';
import { current, perSecond, quantile } from '../queries.ts';

export const socket: DashboardSpec = {
  name: 'socket',
  title: 'Socket service',
  description: 'Browsers, their rooms, what became of each event for them, and what had to be repaired.',
  sections: [
    {
      title: 'Who is connected?',
      panels: [
        timeseries({
          title: 'Browsers by transport',
          description:
            'polling in numbers means that a proxy blocks WebSockets, or that a balancer is not sticky. A sudden fall: look at the reasons beside.',
          width: 8,
          unit: 'short',
          stacked: true,
          queries: [
            { expr: current('sum', 'socketio_connected_clients', { by: ['transport'] }), legend: '{{transport}}' },
            { expr: current('sum', 'socketio_rooms'), legend: 'companies' },
          ],
        }),
        timeseries({
          title: 'Connections and disconnections',
          description:
            'Accepted by transport, ended by reason. ping_timeout in numbers is the network or a full event loop; transport_close is a closed page.',
          width: 8,
          unit: 'ops',
          queries: [
            { expr: perSecond('socketio_connections_total', { by: ['transport'] }), legend: 'accepted: {{transport}}' },
            { expr: perSecond('socketio_disconnections_total', { by: ['reason'] }), legend: 'ended: {{reason}}' },
          ],
          links: [{ dashboard: 'telemetry', panel: 'Event loop' }],
        }),
        timeseries({
          title: 'Turned away',
          description:
            'Refused browsers by reason. token_invalid after a release: the secret differs between marketplace and gateway. origin_refused: ALLOWED_ORIGINS. too_many_connections: one address, or a proxy that is not in TRUSTED_PROXIES.',
          width: 8,
          unit: 'ops',
          queries: [{ expr: perSecond('socketio_rejections_total', { by: ['reason'] }), legend: '{{reason}}' }],
        }),
      ],
    },
    {
      title: 'What became of the events?',
      panels: [
        timeseries({
          title: 'What became of events',
          description:
            'no_audience is normal: nobody waits for most companies here. duplicate and stale are doing its duty. dropped is no event although pages wait for it, see beside; error is a failed emit, see the log of the instance. Both spend the delivery budget.',
          width: 6,
          unit: 'ops',
          queries: [{ expr: perSecond('socket_events_total', { by: ['outcome'] }), legend: '{{outcome}}' }],
          links: [{ dashboard: 'connect' }, { dashboard: 'runbooks', panel: 'DeliveryBurn' }],
        }),
        timeseries({
          title: 'Invalid events',
          description:
            'Messages on the events subjects that are no event, by reason. Somebody publishes by hand or a version is too new: the log names the company and the fault.',
          width: 6,
          unit: 'ops',
          queries: [{ expr: perSecond('socket_invalid_events_total', { by: ['reason'] }), legend: '{{reason}}' }],
        }),
        timeseries({
          title: 'Receipt of final states',
          description:
            'By the browsers’ own word. acknowledged is the end of a connect. retried: no answer in time, sent again; some are people’s networks. missing: connected, and never answered, three times: that salon looks at an old page. Only one instance: restart it; all, after a release: the page is broken, take it back. The log line "never acknowledged" names the salons.',
          width: 6,
          unit: 'ops',
          queries: [{ expr: perSecond('whatsapp_browser_acks_total', { by: ['outcome'] }), legend: '{{outcome}}' }],
          links: [
            { dashboard: 'socket', panel: 'Connections and disconnections' },
            { dashboard: 'telemetry', panel: 'Event loop' },
          ],
        }),
        timeseries({
          title: 'Acknowledged by browsers (p50, p95)',
          description:
            'From the emit to the acknowledgement of a browser. All transports rise: the event loop or our uplink; one: the customers’ network.',
          width: 6,
          unit: 's',
          queries: [0.5, 0.95].map((q) => ({
            expr: quantile(q, 'whatsapp_browser_ack_duration_seconds', { by: ['transport'] }),
            legend: `p${q * 100} {{transport}}`,
            exemplars: true,
          })),
        }),
      ],
    },
    {
      title: 'What had to be repaired?',
      panels: [
        timeseries({
          title: 'Repairs',
          description:
            'Rooms corrected from the stream by cause. audit must be 0: it means that live delivery missed an event and nothing else noticed. See the runbook.',
          width: 8,
          unit: 'ops',
          queries: [{ expr: perSecond('event_feed_repairs_total', { by: ['reason'] }), legend: '{{reason}}' }],
          links: [
            { dashboard: 'runbooks', panel: 'FeedRepairs' },
            { dashboard: 'nats', panel: 'Lost connections and reconnects' },
          ],
        }),
        timeseries({
          title: 'Reading all open rooms again (p95)',
          description:
            'Time until every open room is known to be right after an interruption. Above a second: many rooms or a slow JetStream; browsers wait that long.',
          width: 8,
          unit: 's',
          queries: [
            { expr: quantile(0.95, 'event_feed_resync_duration_seconds', { by: ['reason'] }), legend: '{{reason}}' },
          ],
          links: [{ dashboard: 'nats' }],
        }),
        timeseries({
          title: 'Processing a message (p95)',
          description:
            'The gateway’s own work for one message. Above milliseconds: its event loop waits or the room is huge.',
          width: 8,
          unit: 's',
          queries: [
            {
              expr: quantile(0.95, 'messaging_process_duration_seconds', { by: ['messaging_destination_template'] }),
              legend: '{{messaging_destination_template}}',
              exemplars: true,
            },
          ],
          links: [{ dashboard: 'telemetry', panel: 'Event loop' }],
        }),
      ],
    },
  ],
};
