import type { Severity } from '../../deploy/prometheus/rule.ts';
import { BURN_MIN_BAD_EVENTS, BURN_RATES, THRESHOLDS as T } from '../../deploy/prometheus/thresholds.ts';
import { OBJECTIVES, type ObjectiveName } from '../../shared/contract/objectives.ts';
import { recorded, type RecordedSeries } from './recorded-scrape.ts';

/** Samples of series that differ from a healthy system, in promtool's notation; `absent` has none. */
export type Deviation = readonly [series: readonly RecordedSeries[], samples: string];

export interface AlertCase {
  readonly alert: string;
  readonly severity: Severity;
  /** Minutes after the start at which the alert is looked at. */
  readonly atMinutes: number;
  /** Between two samples and two evaluations: as much as the shortest window of the alert bears. */
  readonly stepMinutes: number;
  readonly deviations: readonly Deviation[];
  /** What happens. */
  readonly when: string;
  readonly fires: boolean;
}

export const ABSENT = 'absent';

type Case = Pick<AlertCase, 'when' | 'deviations'> & Partial<Pick<AlertCase, 'atMinutes'>>;

function cases(
  alert: string,
  severity: Severity,
  {
    atMinutes,
    stepMinutes = 1,
    fires,
    quiet,
  }: { atMinutes: number; stepMinutes?: number; fires: readonly Case[]; quiet: readonly Case[] },
): readonly AlertCase[] {
  const common = { alert, severity, atMinutes, stepMinutes };
  return [
    ...fires.map((each) => ({ ...common, ...each, fires: true })),
    ...quiet.map((each) => ({ ...common, ...each, fires: false })),
  ];
}

const SLI = 'whatsapp_connect_to_emit_duration_seconds';
const CONNECT = { event: 'connected', synthetic: 'false', delivery: 'live' } as const;
/** Good and bad events a minute; ten thousand make every tested share a whole number. */
const PER_MINUTE = 10_000;

/** An objective of which `bad` of ten thousand events a minute are bad, all the time or in the first minutes alone. */
function burning(slo: ObjectiveName, bad: number): readonly Deviation[] {
  const growing = (perMinute: number) => `0+${perMinute}x5000`;
  const inTime = String(OBJECTIVES.connect_latency.boundS);
  switch (slo) {
    case 'connect_latency':
      return [
        [recorded(`${SLI}_count`, CONNECT), growing(PER_MINUTE)],
        [recorded(`${SLI}_bucket`, { ...CONNECT, le: inTime }), growing(PER_MINUTE - bad)],
      ];
    case 'delivery':
      return [
        [
          recorded('socket_events_total', { event: 'connected', outcome: 'emitted', synthetic: 'false' }),
          growing(PER_MINUTE - bad),
        ],
        [recorded('event_feed_repairs_total', { reason: 'audit' }), growing(bad)],
      ];
    case 'canary':
      return [
        [recorded('canary_messages_total', { result: 'received' }), growing(PER_MINUTE - bad)],
        [recorded('canary_messages_total', { result: 'lost' }), growing(bad)],
      ];
  }
}

const OF_CUSTOMERS = { event: 'connected', synthetic: 'false' } as const;
/** A night without other connects. */
const RARE: Case = {
  when: 'a handful of slow connects are all there were',
  deviations: [
    [recorded(`${SLI}_count`, OF_CUSTOMERS), `0x31 0+1x${BURN_MIN_BAD_EVENTS - 3} 2x100`],
    [recorded(`${SLI}_bucket`, { ...OF_CUSTOMERS, le: String(OBJECTIVES.connect_latency.boundS) }), '0x200'],
  ],
};
/** Six good hours, of which the last twenty minutes are half bad: only the window of an hour sees it. */
const OUTAGE: Case = {
  when: 'half of the connects are slow for twenty minutes',
  atMinutes: 380,
  deviations: [
    [recorded(`${SLI}_count`, CONNECT), `0+${PER_MINUTE}x200`],
    [
      recorded(`${SLI}_bucket`, { ...CONNECT, le: String(OBJECTIVES.connect_latency.boundS) }),
      `0+${PER_MINUTE}x180 ${PER_MINUTE * 180}+${PER_MINUTE / 2}x20`,
    ],
  ],
};

/** A faulty publisher: every hundredth message for an open page is no event. */
const POISON: Case = {
  when: 'pages wait for what is no event',
  deviations: [
    [recorded('socket_events_total', { ...OF_CUSTOMERS, outcome: 'emitted' }), `0+${PER_MINUTE}x5000`],
    [
      recorded('socket_events_total', { event: 'other', outcome: 'dropped', synthetic: 'false' }),
      `0+${PER_MINUTE / 100}x5000`,
    ],
  ],
};
/** What has an objective's own ways to fire. */
const ALSO_FIRES: Partial<Record<ObjectiveName, readonly Case[]>> = { connect_latency: [OUTAGE], delivery: [POISON] };

function burnCases(alert: string, slo: ObjectiveName): readonly AlertCase[] {
  const budget = PER_MINUTE * (1 - OBJECTIVES[slo].objective);
  const at = (factor: number) => ({
    when: `${factor} times the allowed errors happen`,
    deviations: burning(slo, Math.round(factor * budget)),
  });
  const [, slow] = BURN_RATES.critical;
  const [, slowest] = BURN_RATES.warning;
  return [
    ...cases(alert, 'critical', {
      atMinutes: 70,
      stepMinutes: 2,
      fires: [at(slow.factor + 1), ...(ALSO_FIRES[slo] ?? [])],
      quiet: [at(slow.factor - 1), ...(slo === 'connect_latency' ? [RARE] : [])],
    }),
    ...cases(alert, 'warning', {
      atMinutes: 25 * 60,
      stepMinutes: 30,
      fires: [at(slowest.factor + 1)],
      quiet: [at(slowest.factor / 2)],
    }),
  ];
}

const lastSuccess = recorded('canary_last_success_timestamp_seconds');
const connected = recorded('nats_client_connected', { job: 'socket' });
const replica = (series: readonly RecordedSeries[], instance: string) =>
  series.map(({ name, labels }) => ({ name, labels: { ...labels, instance } }));
const connectedSessions = recorded('whatsapp_sessions', { state: 'connected' });
const loggedOut = recorded('whatsapp_disconnects_total', { reason: 'logged-out' });
const outdated = recorded('whatsapp_disconnects_total', { reason: 'client-outdated' });
const exportFailures = recorded('telemetry_export_failures_total', { job: 'socket' });

/** For every alert at least one way in which it fires and one in which it must not. */
export const ALERT_CASES: readonly AlertCase[] = [
  ...burnCases('ConnectLatencyBurn', 'connect_latency'),
  ...burnCases('DeliveryBurn', 'delivery'),
  ...burnCases('CanaryBurn', 'canary'),
  ...cases('CanaryDown', 'critical', {
    atMinutes: 15,
    fires: [
      { when: 'the last success grows old', deviations: [[lastSuccess, '0+60x5 300x20']] },
      { when: 'there is no canary', deviations: [[lastSuccess, ABSENT]] },
    ],
    quiet: [
      { when: 'the last success is somewhat old', deviations: [[lastSuccess, `-${T.canarySilenceS - 10}+60x20`]] },
    ],
  }),
  ...cases('CanaryLoss', 'warning', {
    atMinutes: 15,
    fires: [
      {
        when: 'two rounds are lost',
        deviations: [[recorded('canary_messages_total', { result: 'lost' }), '0x10 2x20']],
      },
    ],
    quiet: [
      {
        when: 'rounds arrive twice',
        deviations: [[recorded('canary_messages_total', { result: 'duplicate' }), '0x10 2x20']],
      },
    ],
  }),
  ...cases('NatsDown', 'critical', {
    atMinutes: 10,
    fires: [{ when: 'all replicas of a service are cut off', deviations: [[connected, '1x5 0x20']] }],
    quiet: [
      {
        when: 'one of two replicas is cut off',
        deviations: [
          [connected, '1x5 0x20'],
          [replica(connected, 'socket:2'), '1x20'],
        ],
      },
      { when: 'the server restarts', deviations: [[connected, '1x9 0x0 1x20']] },
    ],
  }),
  ...cases('NatsReconnectStorm', 'warning', {
    atMinutes: 20,
    fires: [
      {
        when: 'a client reconnects every minute',
        deviations: [[recorded('nats_client_reconnects_total', { job: 'socket' }), '0+1x30']],
      },
    ],
    quiet: [
      {
        when: 'a client reconnects as in a rolling restart',
        deviations: [[recorded('nats_client_reconnects_total', { job: 'socket' }), '0x10 1x2 2x2 3x30']],
      },
    ],
  }),
  ...cases('NatsSlowConsumer', 'warning', {
    atMinutes: 15,
    fires: [
      {
        when: 'NATS cuts a client off',
        deviations: [
          [recorded('nats_client_disconnects_total', { reason: 'slow_consumer', job: 'socket' }), '0x10 1x20'],
        ],
      },
    ],
    quiet: [
      {
        when: 'a connection is lost',
        deviations: [[recorded('nats_client_disconnects_total', { reason: 'lost', job: 'socket' }), '0x10 1x20']],
      },
    ],
  }),
  ...cases('PublishQueueGrowing', 'critical', {
    atMinutes: 15,
    fires: [
      {
        when: 'the queue does not empty',
        deviations: [[recorded('publish_queue_depth'), `0x5 ${T.publishQueueDepth + 5}x20`]],
      },
    ],
    quiet: [
      {
        when: 'the queue is long and empties',
        deviations: [
          [recorded('publish_queue_depth'), `0x9 ${T.publishQueueDepth * 10}x2 0x0 ${T.publishQueueDepth * 10}x20`],
        ],
      },
    ],
  }),
  ...cases('FeedRepairs', 'warning', {
    atMinutes: 12,
    fires: [
      {
        when: 'the audit repairs a room',
        deviations: [[recorded('event_feed_repairs_total', { reason: 'audit' }), '0x10 1x20']],
      },
    ],
    quiet: [
      {
        when: 'a join repairs a room',
        deviations: [[recorded('event_feed_repairs_total', { reason: 'join' }), '0x10 1x20']],
      },
    ],
  }),
  ...cases('SessionsMassDisconnect', 'critical', {
    atMinutes: 25,
    fires: [{ when: 'a third of the sessions go', deviations: [[connectedSessions, '100x20 66x20']] }],
    quiet: [
      { when: 'a tenth of the sessions go', deviations: [[connectedSessions, '100x20 90x20']] },
      {
        when: 'few sessions are there at all',
        deviations: [[connectedSessions, `${T.sessionsLostAtLeast - 1}x20 0x20`]],
      },
    ],
  }),
  ...cases('LoggedOutSpike', 'critical', {
    atMinutes: 15,
    fires: [
      { when: 'many are logged out, the first ever', deviations: [[loggedOut, `_x10 ${T.loggedOutPer15m + 1}x20`]] },
    ],
    quiet: [{ when: 'some are logged out', deviations: [[loggedOut, `_x10 ${T.loggedOutPer15m - 2}x20`]] }],
  }),
  ...cases('ClientOutdated', 'critical', {
    atMinutes: 15,
    fires: [{ when: 'one session is refused, the first ever', deviations: [[outdated, '_x10 1x20']] }],
    quiet: [{ when: 'it was refused long ago', deviations: [[outdated, '1x40']] }],
  }).map((each) => (each.fires ? each : { ...each, atMinutes: 30 })),
  ...cases('EventLoopSaturated', 'warning', {
    atMinutes: 10,
    fires: [
      {
        when: 'a loop is full',
        deviations: [[recorded('nodejs_eventloop_utilization_ratio', { job: 'socket' }), '0.97x20']],
      },
    ],
    quiet: [
      {
        when: 'a loop is busy',
        deviations: [[recorded('nodejs_eventloop_utilization_ratio', { job: 'socket' }), '0.85x20']],
      },
    ],
  }),
  ...cases('ClockSkew', 'warning', {
    atMinutes: 10,
    fires: [{ when: 'a clock is behind', deviations: [[recorded('clock_offset_seconds'), `-${T.clockSkewS * 2}x20`]] }],
    quiet: [
      { when: 'a clock is a little ahead', deviations: [[recorded('clock_offset_seconds'), `${T.clockSkewS / 2}x20`]] },
    ],
  }),
  ...cases('TargetDown', 'critical', {
    atMinutes: 6,
    fires: [{ when: 'a process does not answer', deviations: [[recorded('up', { job: 'whatsapp' }), '1x2 0x20']] }],
    quiet: [{ when: 'one scrape fails', deviations: [[recorded('up', { job: 'whatsapp' }), '1x5 0x0 1x20']] }],
  }),
  ...cases('SeriesBudget', 'warning', {
    atMinutes: 20,
    fires: [
      {
        when: 'an instance exports too much',
        deviations: [[recorded('scrape_samples_scraped', { job: 'socket' }), `${T.samplesPerInstance + 1}x30`]],
      },
    ],
    quiet: [
      {
        when: 'an instance is within the budget',
        deviations: [[recorded('scrape_samples_scraped', { job: 'socket' }), `${T.samplesPerInstance}x30`]],
      },
    ],
  }),
  ...cases('TelemetryExportFailing', 'warning', {
    atMinutes: 30,
    fires: [{ when: 'exports keep failing', deviations: [[exportFailures, '0+1x40']] }],
    quiet: [{ when: 'one export failed', deviations: [[exportFailures, '0x20 1x40']] }],
  }),
  ...cases('Watchdog', 'none', {
    atMinutes: 5,
    fires: [{ when: 'all is well', deviations: [] }],
    quiet: [],
  }),
];
