import { errorRatio, OBJECTIVES } from '../../shared/contract/objectives.ts';
import { foreignSeries, series } from '../../shared/contract/series.ts';
import { heatmap, logs, stat, table, timeseries, traces, type DashboardSpec, type Section } from '../panel.ts';
import { current, foreign, heat, observedPerSecond, perSecond, quantile } from '../queries.ts';
import { budgetLeft, burnRate } from './objective-queries.ts';

const SLI = 'whatsapp_connect_to_emit_duration_seconds';
const STAGES = 'whatsapp_event_stage_duration_seconds';
const BOUND_S = OBJECTIVES.connect_latency.boundS;

const now: Section = {
  title: 'Does a connect reach the browser? Now, and over 30 days',
  panels: [
    table({
      title: 'Firing alerts',
      description:
        'What is wrong by our own rules; Watchdog must always be here, or nobody is alarmed at all. Start with the critical ones and open their runbook.',
      width: 6,
      height: 8,
      unit: 'none',
      queries: [
        {
          expr: `max by (alertname, severity) (${foreignSeries('ALERTS', { alertstate: 'firing' })})`,
          legend: '{{alertname}}',
          instant: true,
        },
      ],
      links: [{ dashboard: 'runbooks' }],
    }),
    stat({
      title: 'In time, last hour',
      description:
        'Share of customers’ connects that were at the browser within 250 ms. Below 99 %: look at the heatmap for when it began, then at where the time goes.',
      width: 3,
      unit: 'percentunit',
      decimals: 2,
      queries: [{ expr: `1 - ${errorRatio('1h', 'connect_latency')}`, legend: 'in time' }],
      steps: [{ color: 'red' }, { from: 0.95, color: 'orange' }, { from: 0.99, color: 'green' }],
      links: [{ dashboard: 'runbooks', panel: 'ConnectLatencyBurn' }],
    }),
    stat({
      title: 'Delivered, last hour',
      description:
        'Share of events for open pages that were emitted and needed no audit repair. Below 99.9 %: look at the outcomes, then at the repairs.',
      width: 3,
      unit: 'percentunit',
      decimals: 3,
      queries: [{ expr: `1 - ${errorRatio('1h', 'delivery')}`, legend: 'delivered' }],
      steps: [{ color: 'red' }, { from: 0.99, color: 'orange' }, { from: 0.999, color: 'green' }],
      links: [{ dashboard: 'runbooks', panel: 'DeliveryBurn' }],
    }),
    stat({
      title: 'Canary, last hour',
      description:
        'Share of the canary’s messages that were received. It publishes day and night, so this is the first to fall when nobody connects. Below 99.9 %: open the canary dashboard.',
      width: 3,
      unit: 'percentunit',
      decimals: 3,
      queries: [{ expr: `1 - ${errorRatio('1h', 'canary')}`, legend: 'received' }],
      steps: [{ color: 'red' }, { from: 0.99, color: 'orange' }, { from: 0.999, color: 'green' }],
      links: [{ dashboard: 'canary' }, { dashboard: 'runbooks', panel: 'CanaryDown' }],
    }),
    stat({
      title: 'Since the last canary success',
      description:
        'Age of the newest successful round, the worst path first. A few seconds is right. Growing: nothing reaches anybody, or the canary is down. See its runbook.',
      width: 3,
      unit: 's',
      decimals: 0,
      queries: [
        {
          expr: `time() - max by (path) (${series('canary_last_success_timestamp_seconds')})`,
          legend: '{{path}}',
        },
      ],
      steps: [{ color: 'green' }, { from: 20, color: 'orange' }, { from: 60, color: 'red' }],
      links: [{ dashboard: 'canary' }],
    }),
    stat({
      title: 'p99 now',
      description:
        'From the moment WhatsApp reported a connect until it was emitted into the room, live or repaired. Above 250 ms the promise is broken for one in a hundred. Look at where the time goes.',
      width: 3,
      unit: 's',
      queries: [
        {
          expr: quantile(0.99, SLI, { where: { event: 'connected', delivery: /live|repaired/ } }),
          legend: 'p99',
        },
      ],
      steps: [{ color: 'green' }, { from: 0.1, color: 'yellow' }, { from: BOUND_S, color: 'red' }],
      links: [{ dashboard: 'connect', panel: 'Where the time goes (p95 of each stage)' }],
    }),
    stat({
      title: 'On NATS',
      description:
        'The worst replica of each service: 1 is connected to NATS. 0: events wait and browsers see old states. See the runbook.',
      width: 3,
      unit: 'bool_on_off',
      queries: [{ expr: current('min', 'nats_client_connected', { by: ['job'] }), legend: '{{job}}' }],
      steps: [{ color: 'red' }, { from: 1, color: 'green' }],
      links: [{ dashboard: 'nats' }, { dashboard: 'runbooks', panel: 'NatsDown' }],
    }),
    stat({
      title: 'Budget left, 30 days',
      description:
        'What is left of the errors that the objectives allow. Negative: the promise of these 30 days is broken; changes that can wait should wait.',
      width: 6,
      unit: 'percentunit',
      decimals: 1,
      queries: [{ expr: budgetLeft(/.+/), legend: '{{slo}}' }],
      steps: [{ color: 'red' }, { from: 0, color: 'orange' }, { from: 0.25, color: 'green' }],
      links: [{ dashboard: 'objectives' }],
    }),
    stat({
      title: 'Burn rate, last hour',
      description:
        'How many times faster than allowed errors happen. 1 spends the budget in exactly 30 days; at 14.4 somebody is woken. Above 1: which objective? Then the section that it names.',
      width: 6,
      unit: 'none',
      decimals: 1,
      queries: [{ expr: burnRate('1h', /.+/), legend: '{{slo}}' }],
      steps: [
        { color: 'green' },
        { from: 1, color: 'yellow' },
        { from: 6, color: 'orange' },
        { from: 14.4, color: 'red' },
      ],
      links: [{ dashboard: 'objectives' }],
    }),
    stat({
      title: 'Waiting browsers',
      description:
        'Open pages and the companies they belong to. A sudden fall: look at disconnections and rejections of the socket service, and at the load balancer.',
      width: 3,
      unit: 'short',
      queries: [{ expr: current('sum', 'socketio_connected_clients'), legend: 'browsers' }],
      links: [{ dashboard: 'socket' }],
    }),
    stat({
      title: 'Connected sessions',
      description: 'WhatsApp sessions that are open. A sudden fall is a mass disconnect: open the sessions dashboard.',
      width: 3,
      unit: 'short',
      queries: [{ expr: current('sum', 'whatsapp_sessions', { where: { state: 'connected' } }), legend: 'sessions' }],
      links: [{ dashboard: 'sessions' }],
    }),
  ],
};

const flow: Section = {
  title: 'How many, how many fail, how fast?',
  panels: [
    timeseries({
      title: 'Events for open pages',
      description:
        'Emitted events by type. No connects while QRs are emitted: people try and do not get through; look at the sessions dashboard.',
      width: 8,
      unit: 'ops',
      queries: [
        {
          expr: perSecond('socket_events_total', { where: { outcome: 'emitted' }, by: ['event'] }),
          legend: '{{event}}',
        },
      ],
      links: [{ dashboard: 'socket' }, { dashboard: 'sessions' }],
    }),
    timeseries({
      title: 'Not delivered, and why',
      description:
        'dropped and error spend the budget: what open pages waited for was no event (the invalid lines say why), or its emit failed. duplicate and stale are the system doing its duty: nobody is to see them. invalid without dropped had no audience.',
      width: 8,
      unit: 'ops',
      queries: [
        {
          expr: perSecond('socket_events_total', {
            where: { outcome: /dropped|error|duplicate|stale/ },
            by: ['outcome'],
          }),
          legend: '{{outcome}}',
        },
        { expr: perSecond('socket_invalid_events_total', { by: ['reason'] }), legend: 'invalid: {{reason}}' },
      ],
      links: [
        { dashboard: 'socket', panel: 'What became of events' },
        { dashboard: 'runbooks', panel: 'DeliveryBurn' },
      ],
    }),
    timeseries({
      title: 'Connect → browser',
      description:
        'How long the SLI took, with the line of the promise. Click a dot: it is the trace of one connect, and from there its logs. Above the line: is it live or repaired? Then where the time goes.',
      width: 8,
      unit: 's',
      queries: [
        ...[0.5, 0.95].map((q) => ({
          expr: quantile(q, SLI, { where: { event: 'connected', delivery: /live|repaired/ } }),
          legend: `p${q * 100}`,
        })),
        {
          expr: quantile(0.99, SLI, { where: { event: 'connected', delivery: /live|repaired/ } }),
          legend: 'p99',
          exemplars: true,
        },
      ],
      steps: [{ color: 'green' }, { from: BOUND_S, color: 'red' }],
      showSteps: true,
      links: [{ dashboard: 'connect', panel: 'Traces of the company' }],
    }),
    timeseries({
      title: 'p95 by event',
      description:
        'The same for every type of event. One type alone is slow: look for what only it does; all are slow: look below.',
      width: 8,
      unit: 's',
      queries: [
        {
          expr: quantile(0.95, SLI, { where: { delivery: /live|repaired/ }, by: ['event'] }),
          legend: '{{event}}',
          exemplars: true,
        },
      ],
      steps: [{ color: 'green' }, { from: BOUND_S, color: 'red' }],
      showSteps: true,
    }),
    heatmap({
      title: 'All deliveries',
      description:
        'Every measured delivery by its duration: two bands are two causes. A band that appears above 250 ms says when it began; compare with the annotations.',
      width: 8,
      unit: 's',
      queries: [{ expr: heat(SLI), legend: '{{le}}', exemplars: true }],
    }),
    timeseries({
      title: 'How they arrived',
      description:
        'live: as it happened. joined: the browser came later, which is normal. repaired: it was missed and read from the stream; more than a few: open the repairs of the socket dashboard.',
      width: 8,
      unit: 'ops',
      queries: [{ expr: observedPerSecond(SLI, { by: ['delivery'] }), legend: '{{delivery}}' }],
      links: [{ dashboard: 'socket', panel: 'Repairs' }],
    }),
  ],
};

const stages: Section = {
  title: 'Where does the time go?',
  panels: [
    timeseries({
      title: 'Where the time goes (p95 of each stage)',
      description:
        'prepare and publish are the WhatsApp service, broker_transit NATS and the network (and the difference of two clocks), route and emit the gateway. The one that grew is where to look.',
      width: 12,
      unit: 's',
      stacked: true,
      queries: [{ expr: quantile(0.95, STAGES, { by: ['stage'] }), legend: '{{stage}}', exemplars: true }],
      links: [
        { dashboard: 'sessions', panel: 'Prepare and publish' },
        { dashboard: 'nats', panel: 'Round trip to NATS' },
        { dashboard: 'telemetry', panel: 'Event loop' },
      ],
    }),
    timeseries({
      title: 'To the browser and back (p95)',
      description:
        'From the emit to the browser’s acknowledgement, by transport: the network of the customer is in it. polling far above websocket is normal; both rise: look at the gateway’s event loop.',
      width: 6,
      unit: 's',
      queries: [
        {
          expr: quantile(0.95, 'whatsapp_browser_ack_duration_seconds', { by: ['transport'] }),
          legend: '{{transport}}',
          exemplars: true,
        },
      ],
      links: [{ dashboard: 'socket' }],
    }),
    timeseries({
      title: 'Round trip to NATS',
      description:
        'The network to the broker alone. Rises together with publish or broker_transit: it is the network or a busy nats-server.',
      width: 6,
      unit: 's',
      queries: [{ expr: current('max', 'nats_client_rtt_seconds', { by: ['role'] }), legend: '{{role}}' }],
      links: [{ dashboard: 'nats' }],
    }),
  ],
};

const saturation: Section = {
  title: 'What is full?',
  panels: [
    timeseries({
      title: 'Publish queue',
      description:
        'Events waiting for the stream. Anything but 0 for longer than seconds: JetStream does not confirm. See the runbook.',
      width: 6,
      unit: 'short',
      queries: [
        { expr: current('max', 'publish_queue_depth', { by: ['instance'] }), legend: 'waiting {{instance}}' },
        { expr: perSecond('publish_retries_total'), legend: 'retries a second' },
      ],
      links: [{ dashboard: 'runbooks', panel: 'PublishQueueGrowing' }, { dashboard: 'nats' }],
    }),
    timeseries({
      title: 'Repairs from the stream',
      description:
        'Rooms that had to be corrected. audit must be 0; gap and reconnect follow an interruption; join is a browser that was just too late.',
      width: 6,
      unit: 'ops',
      queries: [{ expr: perSecond('event_feed_repairs_total', { by: ['reason'] }), legend: '{{reason}}' }],
      links: [{ dashboard: 'runbooks', panel: 'FeedRepairs' }],
    }),
    timeseries({
      title: 'Event loop and heap',
      description:
        'Share of time the loop is busy, and of the heap that is used. Near 1: everything waits. Add a replica or find what blocks.',
      width: 6,
      unit: 'percentunit',
      max: 1,
      queries: [
        {
          expr: current('max', 'nodejs_eventloop_utilization_ratio', { by: ['instance'] }),
          legend: 'loop {{instance}}',
        },
        {
          expr: `max by (instance) (${foreign('nodejs_heap_size_used_bytes')} / ${foreign('nodejs_heap_size_total_bytes')})`,
          legend: 'heap {{instance}}',
        },
      ],
      steps: [{ color: 'green' }, { from: 0.9, color: 'red' }],
      showSteps: true,
      links: [{ dashboard: 'runbooks', panel: 'EventLoopSaturated' }, { dashboard: 'telemetry' }],
    }),
    timeseries({
      title: 'Reconnects to NATS',
      description:
        'Each one makes gateways read their open rooms again. A steady rate is a network that drops, or slow consumers that are cut off.',
      width: 6,
      unit: 'ops',
      queries: [
        { expr: perSecond('nats_client_reconnects_total', { by: ['role'] }), legend: 'back: {{role}}' },
        { expr: perSecond('nats_client_disconnects_total', { by: ['reason'] }), legend: 'lost: {{reason}}' },
      ],
      links: [{ dashboard: 'runbooks', panel: 'NatsReconnectStorm' }, { dashboard: 'nats' }],
    }),
  ],
};

const who: Section = {
  title: 'For whom? Type a salon id above',
  panels: [
    timeseries({
      title: 'Why sessions close',
      description:
        'Reasons of closed WhatsApp sockets. restart-required is part of linking. logged-out in numbers or any client-outdated: see the runbooks at once.',
      width: 8,
      height: 10,
      unit: 'ops',
      queries: [{ expr: perSecond('whatsapp_disconnects_total', { by: ['reason'] }), legend: '{{reason}}' }],
      links: [{ dashboard: 'sessions' }, { dashboard: 'runbooks', panel: 'LoggedOutSpike' }],
    }),
    traces({
      title: 'Traces of the company',
      description:
        'Each trace is one connect from WhatsApp to the browser. None while the session connects: it was not sampled or telemetry is down, see its dashboard. A trace without emit: nobody was in the room.',
      width: 16,
      traceql: '{ name = "whatsapp connect" && span.company.id =~ "(company_)?($company)" }',
      links: [{ dashboard: 'telemetry' }],
    }),
    logs({
      title: 'Logs of the company',
      description:
        'Every line of both services that names it; one with a trace_id leads to its trace. Nothing at all: no session and no page; ask the salon to open the page.',
      width: 24,
      logql: '{service_name=~"whatsapp|socket"} | json | company_id=~"(company_)?($company)"',
      links: [{ dashboard: 'connect', panel: 'Traces of the company' }],
    }),
  ],
};

/** The page a person on call lands on: from "does it work" down to "for whom". */
export const connect: DashboardSpec = {
  name: 'connect',
  title: 'Connect → browser',
  description:
    'Does a WhatsApp connect reach the browser, how fast, where does the time go, what is full, and for whom does it fail.',
  sections: [now, flow, stages, saturation, who],
};
