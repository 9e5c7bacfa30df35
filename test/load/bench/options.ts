import { parseArgs } from 'node:util';
import { UsageError } from '../../../deploy/operate/usage-error.ts';

const BENCHMARKS = ['comparison', 'sessions', 'sockets', 'telemetry'] as const;
export type Benchmark = (typeof BENCHMARKS)[number];

export interface BenchOptions {
  readonly benchmark: Benchmark;
  readonly repetitions: number;
  readonly seconds: number;
  readonly floodEvents: number;
  readonly sessions: number;
  readonly sockets: number;
}

export const BENCH_HELP = `Measures what the system costs. Each benchmark starts what it needs and prints one table.

  npm run bench                        this system beside a bare NATS → ws and beside Redis → Socket.IO
  npm run bench -- sessions            memory and CPU of idle WhatsApp sessions, time to link, to restore, to reconnect
  npm run bench -- sockets             memory of idle browsers, all of them reconnecting, a resync of all rooms
  npm run bench -- telemetry           what tracing costs at ratio 0, 0.01 and 1 against none

  --repetitions N   interleaved rounds (default 6; medians are shown). comparison and telemetry: fewer than 6 are void
  --seconds S       measured seconds of each latency figure (default 3)
  --events N        events of each saturation figure (default 40000)
  --sessions N      with sessions (default 200)
  --sockets N       with sockets (default 10000)

A quick look at the comparison, void by its size: --repetitions 1 --seconds 1 --events 10000
Ratios compare, absolute figures do not: they are this machine's, and of what else it was doing.
Exit code: 0 done, whether targets were reached or missed; 1 something failed or arrived wrongly, or the run is void: its
control (the same thing measured twice) differs by more than 10 % (telemetry: by more than its targets allow), the
generator was late itself, or too few repetitions ran; 2 wrong command line.
`;

/** @throws UsageError with the flag and what it takes; parseArgs' own error for an unknown flag. */
export function parseBenchArgs(args: readonly string[]): BenchOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      repetitions: { type: 'string', default: '6' },
      seconds: { type: 'string', default: '3' },
      events: { type: 'string', default: '40000' },
      sessions: { type: 'string', default: '200' },
      sockets: { type: 'string', default: '10000' },
    },
  });
  const [name = 'comparison', ...rest] = positionals;
  const benchmark = BENCHMARKS.find((each) => each === name);
  if (!benchmark || rest.length > 0) {
    throw new UsageError(`one of ${BENCHMARKS.join(', ')} is expected, not ${positionals.join(' ')}`);
  }
  return {
    benchmark,
    repetitions: whole('repetitions', values.repetitions, [1, 100]),
    seconds: whole('seconds', values.seconds, [1, 600]),
    floodEvents: whole('events', values.events, [1000, 1_000_000]),
    // Simulated phones have four digits of their own.
    sessions: whole('sessions', values.sessions, [1, 10_000]),
    sockets: whole('sockets', values.sockets, [100, 100_000]),
  };
}

function whole(flag: string, text: string, [min, max]: readonly [number, number]): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new UsageError(`--${flag} takes a whole number from ${min} to ${max}, not ${JSON.stringify(text)}`);
  }
  return value;
}
