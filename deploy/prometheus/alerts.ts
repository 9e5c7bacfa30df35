import { RECORDED } from '../../shared/contract/objectives.ts';
import { foreignSeries, series } from '../../shared/contract/series.ts';
import { alert, grown, type RuleGroup } from './rule.ts';
import { THRESHOLDS as T } from './thresholds.ts';

const lastCanarySuccess = series('canary_last_success_timestamp_seconds');

const CANARY: RuleGroup = {
  name: 'canary',
  rules: [
    alert({
      name: 'CanaryDown',
      severity: 'critical',
      expr: `time() - max by (path) (${lastCanarySuccess}) > ${T.canarySilenceS} or absent(${lastCanarySuccess})`,
      for: T.canarySilenceFor,
      summary: 'No canary round succeeds',
      description:
        'Nothing published reaches a subscriber (path {{ $labels.path }}), or the canary itself is not running. Assume that no connect reaches a browser until you know better.',
    }),
    alert({
      name: 'CanaryLoss',
      severity: 'warning',
      expr: `sum by (job) (${grown(series('canary_messages_total', { result: 'lost' }), '10m')}) > 0`,
      summary: 'The canary lost messages',
      description:
        '{{ $value | humanize }} canary messages of the last 10 minutes were never received. Each is an event that a customer would have had to be given by the audit.',
    }),
  ],
};

const NATS: RuleGroup = {
  name: 'nats',
  rules: [
    alert({
      name: 'NatsDown',
      severity: 'critical',
      expr: `max by (job) (${series('nats_client_connected')}) == 0`,
      for: T.natsDownFor,
      summary: 'No {{ $labels.job }} replica reaches NATS',
      description:
        'Events wait in the WhatsApp service and browsers are told nothing new. Nothing is lost: everything is sent again when NATS is back. Bring NATS back first; other alerts follow from this one.',
    }),
    alert({
      name: 'NatsReconnectStorm',
      severity: 'warning',
      expr: `sum by (job) (${grown(series('nats_client_reconnects_total'), '15m')}) > ${T.natsReconnectsPer15m}`,
      summary: '{{ $labels.job }} keeps losing NATS',
      description:
        '{{ $value | humanize }} reconnects in 15 minutes. Each one makes gateways read all open rooms again. Look at the network, at the memory of nats-server and at its log.',
    }),
    alert({
      name: 'NatsSlowConsumer',
      severity: 'warning',
      expr: `sum by (job, instance) (${grown(series('nats_client_disconnects_total', { reason: 'slow_consumer' }), '10m')}) > 0`,
      summary: '{{ $labels.instance }} reads from NATS too slowly',
      description:
        'NATS cut it off and threw away what waited for it; the gateway repaired its rooms from the stream. Look at its event loop: it is saturated or was blocked.',
    }),
    alert({
      name: 'PublishQueueGrowing',
      severity: 'critical',
      expr: `min_over_time(${series('publish_queue_depth')}[5m]) > ${T.publishQueueDepth}`,
      summary: 'Events wait to be published on {{ $labels.instance }}',
      description:
        'At least {{ $value | humanize }} events have been waiting for 5 minutes: browsers see old states. The stream does not confirm. Look at JetStream: leader, storage, quorum.',
    }),
    alert({
      name: 'FeedRepairs',
      severity: 'warning',
      expr: `sum by (job, instance) (rate(${series('event_feed_repairs_total', { reason: 'audit' })}[5m])) > 0`,
      summary: 'The audit of {{ $labels.instance }} found browsers with an old state',
      description:
        'Live delivery missed events that only the audit round noticed, up to a minute late. That must not happen: look for a slow consumer, or for a fault of the gateway.',
    }),
  ],
};

const connected = RECORDED.connectedSessions;
const disconnects = (reason: string) => series('whatsapp_disconnects_total', { reason });

const SESSIONS: RuleGroup = {
  name: 'sessions',
  rules: [
    { record: connected, expr: `sum(${series('whatsapp_sessions', { state: 'connected' })})` },
    alert({
      name: 'SessionsMassDisconnect',
      severity: 'critical',
      expr: `${connected} < ${T.sessionsRemaining} * max_over_time(${connected}[15m]) and max_over_time(${connected}[15m]) - ${connected} >= ${T.sessionsLostAtLeast}`,
      for: T.sessionsLostFor,
      summary: 'Many WhatsApp sessions are gone at once',
      description:
        '{{ $value | humanize }} sessions are left of more within the last 15 minutes. Salons neither send nor receive. Look at the reasons on the sessions dashboard: WhatsApp, our network, or a replica that nobody took over from?',
    }),
    alert({
      name: 'LoggedOutSpike',
      severity: 'critical',
      expr: `sum(${grown(disconnects('logged-out'), '15m')}) >= ${T.loggedOutPer15m}`,
      summary: 'WhatsApp logs sessions out',
      description:
        '{{ $value | humanize }} sessions were logged out within 15 minutes. Each salon has to link again by hand. Stop deployments and bulk actions until the cause is known: WhatsApp may be banning.',
    }),
    alert({
      name: 'ClientOutdated',
      severity: 'critical',
      expr: `sum(${grown(disconnects('client-outdated'), '15m')}) > 0`,
      summary: 'WhatsApp refuses this version of the client (405)',
      description:
        'Sessions that reconnect are refused, one after the other, until all are down. Set WHATSAPP_VERSION or update Baileys before anything restarts.',
    }),
  ],
};

const PROCESSES: RuleGroup = {
  name: 'processes',
  rules: [
    alert({
      name: 'EventLoopSaturated',
      severity: 'warning',
      expr: `${series('nodejs_eventloop_utilization_ratio')} > ${T.eventLoopUtilization}`,
      for: T.eventLoopFor,
      summary: 'The event loop of {{ $labels.instance }} is full',
      description:
        'It is busy {{ $value | humanizePercentage }} of the time; every event waits in line. Add a replica, or find what blocks: compare with the rate of events.',
    }),
    alert({
      name: 'ClockSkew',
      severity: 'warning',
      expr: `abs(${series('clock_offset_seconds')}) > ${T.clockSkewS}`,
      for: T.clockSkewFor,
      summary: 'The clocks of {{ $labels.instance }} and {{ $labels.peer }} differ',
      description:
        'By {{ $value | humanizeDuration }}. Latencies measured between them are wrong by that much, and QRs may expire early. Look at time synchronisation on both hosts.',
    }),
    alert({
      name: 'TargetDown',
      severity: 'critical',
      expr: `${foreignSeries('up')} == 0`,
      for: T.targetDownFor,
      summary: '{{ $labels.job }} on {{ $labels.instance }} does not answer',
      description:
        'Prometheus cannot scrape it: the process is down, hangs, or is unreachable. Other replicas take over; with one replica its part is down.',
    }),
    alert({
      name: 'SeriesBudget',
      severity: 'warning',
      expr: `${foreignSeries('scrape_samples_scraped')} > ${T.samplesPerInstance}`,
      for: T.seriesBudgetFor,
      summary: '{{ $labels.instance }} exports too many series',
      description:
        '{{ $value | humanize }} series of one instance: some label holds what it must not, such as a company. Prometheus dies of that; find the label before it does.',
    }),
    alert({
      name: 'TelemetryExportFailing',
      severity: 'warning',
      expr: `sum by (job, instance, signal) (${grown(series('telemetry_export_failures_total'), '5m')}) > 0`,
      for: T.telemetryFailingFor,
      summary: '{{ $labels.signal }} of {{ $labels.instance }} are lost',
      description:
        'The collector does not take them. Customers notice nothing; whoever looks for a trace of the last minutes finds none. Look at the collector.',
    }),
    alert({
      name: 'Watchdog',
      severity: 'none',
      expr: 'vector(1)',
      summary: 'Alerting works',
      description:
        'Always fires. Whoever receives it must raise an alarm when it stops: then nobody would be told anything.',
    }),
  ],
};

/** All alerts but those on objectives. */
export const ALERT_GROUPS: readonly RuleGroup[] = [CANARY, NATS, SESSIONS, PROCESSES];
