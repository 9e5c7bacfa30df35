/** Seconds. From a loopback emit (1 ms) to a join after an outage (10 s). 0.25 is the SLO bound, so it is a bucket. */
const END_TO_END_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;
/** Seconds. One stage of the path: from a room look-up (100 µs) to a publish retried through a broker restart (5 s). */
const STAGE_BUCKETS_S = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5] as const;
/** Seconds. From opening a WhatsApp socket to `open`, a person with a phone included. */
const TIME_TO_OPEN_BUCKETS_S = [0.5, 1, 2.5, 5, 10, 30, 60, 120] as const;

export interface MetricDefinition {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  readonly buckets?: readonly number[];
}

/**
 * Every metric the system exports. Dashboards, rules and tests take the names from here. No label may ever hold a
 * company, phone, JID, subject, room or socket id: the series of an instance stay flat from 10 to 10,000 companies.
 */
export const METRICS = {
  whatsapp_connect_to_emit_duration_seconds: {
    type: 'histogram',
    help: 'From the moment WhatsApp reported the event to the emit into the browsers of the room',
    labels: ['event', 'synthetic', 'delivery'],
    buckets: END_TO_END_BUCKETS_S,
  },
  whatsapp_event_stage_duration_seconds: {
    type: 'histogram',
    help: 'One stage of the path from WhatsApp to the browser',
    labels: ['stage', 'synthetic'],
    buckets: STAGE_BUCKETS_S,
  },
  whatsapp_browser_ack_duration_seconds: {
    type: 'histogram',
    help: "From the emit to the browser's acknowledgement",
    labels: ['event', 'transport'],
    buckets: END_TO_END_BUCKETS_S,
  },
  whatsapp_browser_acks_total: {
    type: 'counter',
    help: 'Final states sent to browsers that acknowledge: acknowledged, retried, or missing for good',
    labels: ['event', 'outcome'],
  },
  socket_events_total: {
    type: 'counter',
    help: 'Events that reached the gateway, by what became of them',
    labels: ['event', 'outcome', 'synthetic'],
  },
  socket_invalid_events_total: {
    type: 'counter',
    help: 'Messages on the events subjects that are no valid event',
    labels: ['reason'],
  },
  event_feed_repairs_total: {
    type: 'counter',
    help: 'Rooms whose state had to be corrected from the stream',
    labels: ['reason'],
  },
  event_feed_resync_duration_seconds: {
    type: 'histogram',
    help: 'Time to read the last events of all open rooms again',
    labels: ['reason'],
    buckets: END_TO_END_BUCKETS_S,
  },
  messaging_client_sent_messages_total: {
    type: 'counter',
    help: 'Messages sent to NATS',
    labels: ['messaging_operation_name', 'messaging_destination_template', 'error_type'],
  },
  messaging_client_consumed_messages_total: {
    type: 'counter',
    help: 'Messages received from NATS',
    labels: ['messaging_operation_name', 'messaging_destination_template', 'error_type'],
  },
  messaging_client_operation_duration_seconds: {
    type: 'histogram',
    help: 'Time of one operation of the NATS client',
    labels: ['messaging_operation_name', 'messaging_destination_template', 'error_type'],
    buckets: STAGE_BUCKETS_S,
  },
  messaging_process_duration_seconds: {
    type: 'histogram',
    help: 'Time to process one message',
    labels: ['messaging_operation_name', 'messaging_destination_template', 'error_type'],
    buckets: STAGE_BUCKETS_S,
  },
  nats_client_connected: { type: 'gauge', help: '1 while connected to NATS', labels: ['role'] },
  nats_client_rtt_seconds: { type: 'gauge', help: 'Round trip to the NATS server', labels: ['role'] },
  nats_client_reconnects_total: { type: 'counter', help: 'Reconnects to NATS', labels: ['role'] },
  nats_client_disconnects_total: { type: 'counter', help: 'Lost connections to NATS', labels: ['reason'] },
  publish_retries_total: { type: 'counter', help: 'Publishes that had to be repeated', labels: [] },
  publish_queue_depth: { type: 'gauge', help: 'Events waiting for their publish to be confirmed', labels: [] },
  whatsapp_sessions: { type: 'gauge', help: 'Sessions of this replica', labels: ['state'] },
  whatsapp_session_connects_total: { type: 'counter', help: 'Attempts to open a WhatsApp session', labels: ['result'] },
  whatsapp_disconnects_total: { type: 'counter', help: 'Closed WhatsApp sockets', labels: ['reason'] },
  whatsapp_time_to_open_seconds: {
    type: 'histogram',
    help: 'From opening the WhatsApp socket to open',
    labels: ['kind'],
    buckets: TIME_TO_OPEN_BUCKETS_S,
  },
  whatsapp_lease_transitions_total: {
    type: 'counter',
    help: 'Changes of ownership of sessions, as this replica saw them',
    labels: ['outcome'],
  },
  socketio_connected_clients: { type: 'gauge', help: 'Connected browsers', labels: ['transport'] },
  socketio_rooms: { type: 'gauge', help: 'Companies with at least one browser', labels: [] },
  socketio_connections_total: { type: 'counter', help: 'Accepted browser connections', labels: ['transport'] },
  socketio_disconnections_total: { type: 'counter', help: 'Ended browser connections', labels: ['reason'] },
  socketio_rejections_total: { type: 'counter', help: 'Refused browser connections', labels: ['reason'] },
  canary_messages_total: {
    type: 'counter',
    help: 'Canary rounds, by what became of their message',
    labels: ['result'],
  },
  canary_duration_seconds: {
    type: 'histogram',
    help: "From the canary's publish to its receipt, by one clock",
    labels: ['path'],
    buckets: END_TO_END_BUCKETS_S,
  },
  canary_last_success_timestamp_seconds: {
    type: 'gauge',
    help: 'When the last canary round ended well, before the first one when the canary began; in s since the epoch',
    labels: ['path'],
  },
  telemetry_export_failures_total: {
    type: 'counter',
    help: 'Telemetry that could not be exported',
    labels: ['signal'],
  },
  clock_offset_seconds: { type: 'gauge', help: 'Clock of the peer minus the own clock', labels: ['peer'] },
  negative_latency_total: { type: 'counter', help: 'Latencies below zero, clamped: clocks disagree', labels: [] },
  service_build_info: { type: 'gauge', help: '1, labelled with what is running', labels: ['service', 'version'] },
  nodejs_eventloop_utilization_ratio: { type: 'gauge', help: 'Share of time the event loop was busy', labels: [] },
} as const satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof METRICS;
/** The label set of a metric: an unplanned label does not compile. */
export type LabelsOf<Name extends MetricName> = (typeof METRICS)[Name]['labels'][number];
export type MetricNameOf<Kind extends MetricDefinition['type']> = {
  [Name in MetricName]: (typeof METRICS)[Name]['type'] extends Kind ? Name : never;
}[MetricName];

/** The `event` label: the few types worth a series of their own. */
export const EVENT_LABELS = [
  'connected',
  'disconnected',
  'qr',
  'pairing_code',
  'linked',
  'logged_out',
  'other',
] as const;
export type EventLabel = (typeof EVENT_LABELS)[number];

/**
 * What became of a message for a company at a gateway: the `outcome` label of `socket_events_total`.
 *
 * - `emitted`: handed to the connections of its room. A browser that does not read is cut off by itself, is counted as
 *   `slow_reader` of `socketio_disconnections_total`, and is shown the newest state when it is back.
 * - `no_audience`: nobody here waits for the company. The body is not read, so `event` is `other`.
 * - `duplicate`, `stale`: repeated; older than what all of its browsers have seen, or held back by an operator's
 *   `connected`. Nobody is to see it.
 * - `dropped`: browsers wait, and it is no event: too large, no JSON, against the schema. `event` is `other`;
 *   `socket_invalid_events_total` has the reason.
 * - `error`: the emission failed.
 *
 * What NATS throws away for a client that reads too slowly never arrives, and nobody is told how much it was: the rooms
 * are read again, and what they had missed is counted in `event_feed_repairs_total`.
 */
export const EVENT_OUTCOMES = ['emitted', 'no_audience', 'duplicate', 'stale', 'dropped', 'error'] as const;
export type EventOutcome = (typeof EVENT_OUTCOMES)[number];

export function eventLabel(type: string): EventLabel {
  switch (type) {
    case 'connected':
    case 'disconnected':
    case 'qr':
    case 'linked':
      return type;
    case 'pairing-code':
      return 'pairing_code';
    case 'logged-out':
      return 'logged_out';
    default:
      return 'other';
  }
}
