import { stat, timeseries, type DashboardSpec } from '../panel.ts';
import { countOverRange, current, perSecond, quantile } from '../queries.ts';

const STAGES = 'whatsapp_event_stage_duration_seconds';

export const sessions: DashboardSpec = {
  name: 'sessions',
  title: 'WhatsApp sessions',
  description:
    'The sessions of all replicas: their states, how they open, why they close, and how their events are published.',
  sections: [
    {
      title: 'How do the sessions stand?',
      panels: [
        stat({
          title: 'Connected',
          description: 'Open sessions. Falling at once: see the runbook; falling slowly: look at the reasons below.',
          width: 4,
          height: 8,
          unit: 'short',
          queries: [
            { expr: current('sum', 'whatsapp_sessions', { where: { state: 'connected' } }), legend: 'connected' },
          ],
          links: [{ dashboard: 'runbooks', panel: 'SessionsMassDisconnect' }],
        }),
        stat({
          title: 'Logged out',
          description:
            'Sockets closed because the account removed this device, over the shown time. Several at once: see the runbook.',
          width: 4,
          height: 8,
          unit: 'short',
          decimals: 0,
          queries: [
            {
              expr: countOverRange('whatsapp_disconnects_total', { where: { reason: 'logged-out' } }),
              legend: 'logged out',
            },
          ],
          steps: [{ color: 'green' }, { from: 1, color: 'yellow' }, { from: 5, color: 'red' }],
          links: [{ dashboard: 'runbooks', panel: 'LoggedOutSpike' }],
        }),
        timeseries({
          title: 'Sessions by state',
          description:
            'disconnected is between two attempts, qr waits for a person. A block that moves from connected to disconnected is one cause: compare with the reasons.',
          width: 16,
          unit: 'short',
          stacked: true,
          queries: [{ expr: current('sum', 'whatsapp_sessions', { by: ['state'] }), legend: '{{state}}' }],
          links: [{ dashboard: 'connect' }],
        }),
      ],
    },
    {
      title: 'Do they open, and why do they close?',
      panels: [
        timeseries({
          title: 'Attempts to open',
          description:
            'opened is success, the rest are reasons of failure. Failures without successes: WhatsApp refuses or cannot be reached.',
          width: 8,
          unit: 'ops',
          queries: [{ expr: perSecond('whatsapp_session_connects_total', { by: ['result'] }), legend: '{{result}}' }],
        }),
        timeseries({
          title: 'Closed sockets by reason',
          description:
            'connection-closed and -lost are the network, client-outdated is WhatsApp refusing our version, logged-out a person or a ban. See the runbook of the one that grew.',
          width: 8,
          unit: 'ops',
          queries: [{ expr: perSecond('whatsapp_disconnects_total', { by: ['reason'] }), legend: '{{reason}}' }],
          links: [
            { dashboard: 'runbooks', panel: 'ClientOutdated' },
            { dashboard: 'runbooks', panel: 'LoggedOutSpike' },
          ],
        }),
        timeseries({
          title: 'Time to open (p50, p95)',
          description:
            'From opening the socket to open. qr and pairing_code contain a person with a phone; resume does not: above 5 s WhatsApp or the network is slow.',
          width: 8,
          unit: 's',
          queries: [0.5, 0.95].map((q) => ({
            expr: quantile(q, 'whatsapp_time_to_open_seconds', { by: ['kind'] }),
            legend: `p${q * 100} {{kind}}`,
          })),
        }),
        timeseries({
          title: 'Ownership of sessions',
          description:
            'Leases taken, renewed and lost by replicas. Losses without a restart: a replica cannot reach the database in time; look at its log.',
          width: 8,
          unit: 'ops',
          queries: [
            { expr: perSecond('whatsapp_lease_transitions_total', { by: ['outcome'] }), legend: '{{outcome}}' },
          ],
          links: [{ dashboard: 'telemetry' }],
        }),
        timeseries({
          title: 'Prepare and publish',
          description:
            'p95 of the two stages inside this service. prepare grows: its event loop is busy. publish grows: JetStream confirms slowly, look at NATS.',
          width: 8,
          unit: 's',
          queries: [
            {
              expr: quantile(0.95, STAGES, { where: { stage: /prepare|publish/ }, by: ['stage'] }),
              legend: '{{stage}}',
              exemplars: true,
            },
          ],
          links: [
            { dashboard: 'nats', panel: 'Operations of our clients (p95)' },
            { dashboard: 'telemetry', panel: 'Event loop' },
          ],
        }),
        timeseries({
          title: 'Publish queue and retries',
          description:
            'Events that wait for the stream and publishes that were repeated. Both at 0 is right; growing: see the runbook.',
          width: 8,
          unit: 'short',
          queries: [
            { expr: current('sum', 'publish_queue_depth', { by: ['instance'] }), legend: 'waiting {{instance}}' },
            { expr: perSecond('publish_retries_total', { by: ['instance'] }), legend: 'retries a second {{instance}}' },
          ],
          links: [{ dashboard: 'runbooks', panel: 'PublishQueueGrowing' }],
        }),
      ],
    },
  ],
};
