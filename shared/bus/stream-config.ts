import { EVENTS_STREAM, EVENTS_WILDCARD, MESSAGES_STREAM, MESSAGES_WILDCARD } from '../contract/subjects.ts';

const NANOS_PER_SECOND = 1e9;
const UNLIMITED = -1;

/** The fields of a stream's configuration that this system relies on, by JetStream's own names; durations in ns. */
export interface StreamConfig {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly retention: 'limits';
  readonly storage: 'file';
  readonly discard: 'old';
  readonly max_msgs: number;
  readonly max_bytes: number;
  readonly max_age: number;
  readonly max_msgs_per_subject: number;
  readonly max_msg_size: number;
  readonly duplicate_window: number;
  readonly allow_direct: boolean;
  readonly num_replicas: number;
}

const common = {
  retention: 'limits',
  storage: 'file',
  discard: 'old',
  // A bound over all subjects would let a busy company push out the last event of a quiet one.
  max_msgs: UNLIMITED,
  max_bytes: UNLIMITED,
  // Headers and body together.
  max_msg_size: 64 * 1024,
  duplicate_window: 120 * NANOS_PER_SECOND,
  allow_direct: true,
} as const;

/** The session events: no age limit, so that the last event of a company is its truth for ever. */
export function eventsStream(replicas: 1 | 3): StreamConfig {
  return {
    ...common,
    name: EVENTS_STREAM,
    subjects: [EVENTS_WILDCARD],
    max_age: 0,
    max_msgs_per_subject: 64,
    num_replicas: replicas,
  };
}

/** The WhatsApp messages: they hold what people wrote, for a day. */
export function messagesStream(replicas: 1 | 3): StreamConfig {
  return {
    ...common,
    name: MESSAGES_STREAM,
    subjects: [MESSAGES_WILDCARD],
    max_age: 24 * 60 * 60 * NANOS_PER_SECOND,
    max_msgs_per_subject: 1_000,
    num_replicas: replicas,
  };
}

export interface StreamDifference {
  readonly field: string;
  readonly have: string;
  readonly want: string;
}

/** The wanted fields that an existing stream has otherwise. A field that the server leaves out is false, 0 or empty. */
export function compareStream(have: Readonly<Record<string, unknown>>, want: StreamConfig): StreamDifference[] {
  return Object.entries(want).flatMap(([field, wanted]) => {
    const shown = { have: JSON.stringify(have[field] ?? absent(wanted)), want: JSON.stringify(wanted) };
    return shown.have === shown.want ? [] : [{ field, ...shown }];
  });
}

function absent(wanted: unknown): unknown {
  if (typeof wanted === 'boolean') return false;
  return typeof wanted === 'number' ? 0 : undefined;
}
