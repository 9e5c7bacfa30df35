import { parseArgs } from 'node:util';
import { UsageError } from '../../deploy/operate/usage-error.ts';
import { PROFILES, type Profile } from './schedule.ts';

export const PUBLISH_MODES = ['core', 'jetstream'] as const;
export type PublishMode = (typeof PUBLISH_MODES)[number];

export interface LoadOptions {
  readonly profile: Profile;
  /** Events per second; with `through` whatsapp, links per second. */
  readonly rate: number;
  readonly durationMs: number;
  /** Runs before the measured part at its first rate; its events are counted, not timed. */
  readonly warmupMs: number;
  /** Companies that get events. */
  readonly companies: number;
  /** Browsers, those of companies that get none included. */
  readonly sockets: number;
  readonly seed: number;
  readonly publish: PublishMode;
  readonly through: 'publish' | 'whatsapp';
  /** Share of events whose trace is sampled. */
  readonly traceRatio: number;
  /** Gateways that run already; `undefined` starts a system of its own. */
  readonly replicas: readonly string[] | undefined;
  /** Gateways of the system that is started. */
  readonly gateways: number;
  /** Processes that hold browsers; `undefined` picks one for every 2,000. */
  readonly workers: number | undefined;
  readonly maxP99Ms: number | undefined;
  readonly maxLost: number;
  readonly outDir: string;
}

export type LoadCommand =
  | { readonly kind: 'run'; readonly options: LoadOptions }
  | { readonly kind: 'compare'; readonly files: readonly [string, string] };

export const LOAD_HELP = `Loads the path from a published event to the browsers and says what arrived, how late, and what did not.

  npm run load                                            starts a system of its own, 200 events/s for 20 s
  npm run load -- --rate 2000 --companies 10000 --sockets 2000 --duration 50
  npm run load -- --profile step --rate 1000              raises the rate step by step up to the knee
  npm run load -- --through whatsapp --rate 2 --sockets 60  links simulated phones instead of publishing
  npm run load -- --replicas https://a.example,https://b.example     a system that runs already
  npm run load -- --compare old/report.json new/report.json

  --profile ${PROFILES.join('|')}   how the rate goes (default constant)
  --rate N           events per second; the top of a ramp, the floor of a spike (x5), the first step (default 200)
  --duration S       measured seconds (default 20)      --warmup S   seconds before them (default 5)
  --companies M      companies that get events (default 1000)
  --sockets N        browsers; one in twenty is of a company that gets none and must hear nothing (default 200)
  --seed N           same seed, same order of companies (default 1)
  --publish ${PUBLISH_MODES.join('|')}   plain publish, or confirmed by the stream as the service does it (default jetstream)
  --through whatsapp one link of a simulated phone for each event; sockets = companies, each is linked once
  --trace-ratio R    share of events with a sampled trace (default 0.01)
  --replicas URLS    gateways that run already, comma-separated; NATS_URL says where their NATS is
  --gateways N       gateways of the system that is started (default 1)
  --workers N        processes that hold browsers (default one for every 2,000)
  --max-p99 MS       exit 1 when the p99 is above it    --max-lost N  exit 1 when more are lost (default 0)
  --out DIR          folder of report.json and report.html (default test-results/load)

A system that runs already needs JWT_SECRET (or DATA_DIR with the secret of npm start) and CONNECTIONS_PER_MINUTE high
enough for all browsers to come from one address. Without --replicas and NATS_URL nothing outside is touched.

Exit code: 0 good, 1 lost, duplicated, out of order, wrong room, above --max-p99, or void (the figures say nothing: the
generator was late itself, or nothing was delivered), 2 wrong command line.
`;

const FLAGS = {
  profile: { type: 'string', default: 'constant' },
  rate: { type: 'string' },
  duration: { type: 'string', default: '20' },
  warmup: { type: 'string', default: '5' },
  companies: { type: 'string', default: '1000' },
  sockets: { type: 'string', default: '200' },
  seed: { type: 'string', default: '1' },
  publish: { type: 'string', default: 'jetstream' },
  through: { type: 'string' },
  'trace-ratio': { type: 'string', default: '0.01' },
  replicas: { type: 'string' },
  gateways: { type: 'string', default: '1' },
  workers: { type: 'string' },
  'max-p99': { type: 'string' },
  'max-lost': { type: 'string', default: '0' },
  out: { type: 'string', default: 'test-results/load' },
  compare: { type: 'boolean' },
} as const;

/**
 * Reads the command line. `natsUrl` is what the environment says: with it the system runs already.
 * @throws UsageError with the flag and what it takes; parseArgs' own error for an unknown flag.
 */
export function parseLoadArgs(args: readonly string[], natsUrl: string | undefined): LoadCommand {
  const { values, positionals } = parseArgs({ args: [...args], options: FLAGS, allowPositionals: true });
  if (values.compare) return toComparison(positionals);
  const [stray] = positionals;
  if (stray !== undefined) throw new UsageError(`unexpected argument ${JSON.stringify(stray)}`);
  const through = values.through === undefined ? 'publish' : oneOf('through', values.through, ['whatsapp'] as const);
  const options: LoadOptions = {
    profile: oneOf('profile', values.profile, PROFILES),
    rate: number('rate', values.rate ?? (through === 'whatsapp' ? '2' : '200'), { min: 0.1, max: 200_000 }),
    durationMs: 1000 * number('duration', values.duration, { min: 1, max: 86_400 }),
    warmupMs: 1000 * number('warmup', values.warmup, { min: 0, max: 600 }),
    companies: integer('companies', values.companies, { min: 1, max: 1_000_000 }),
    sockets: integer('sockets', values.sockets, { min: 2, max: 1_000_000 }),
    seed: integer('seed', values.seed, { min: 0, max: 2 ** 32 - 1 }),
    publish: oneOf('publish', values.publish, PUBLISH_MODES),
    through,
    traceRatio: number('trace-ratio', values['trace-ratio'], { min: 0, max: 1 }),
    replicas: values.replicas === undefined && natsUrl === undefined ? undefined : toReplicas(values.replicas),
    gateways: integer('gateways', values.gateways, { min: 1, max: 32 }),
    workers: values.workers === undefined ? undefined : integer('workers', values.workers, { min: 1, max: 64 }),
    maxP99Ms: values['max-p99'] === undefined ? undefined : number('max-p99', values['max-p99'], { min: 0, max: 1e6 }),
    maxLost: integer('max-lost', values['max-lost'], { min: 0, max: Number.MAX_SAFE_INTEGER }),
    outDir: values.out,
  };
  if (through === 'whatsapp' && options.profile !== 'constant') {
    throw new UsageError('--through whatsapp links at a constant rate: --profile does not go with it');
  }
  return { kind: 'run', options };
}

function toComparison(files: readonly string[]): LoadCommand {
  const [before, after, ...rest] = files;
  if (before === undefined || after === undefined || rest.length > 0) {
    throw new UsageError('--compare takes two files: --compare before/report.json after/report.json');
  }
  return { kind: 'compare', files: [before, after] };
}

function toReplicas(list = 'http://127.0.0.1:3000'): readonly string[] {
  const urls = list.split(',').map((url) => url.trim().replace(/\/+$/, ''));
  for (const url of urls) {
    if (!URL.canParse(url) || !/^https?:/.test(url)) {
      throw new UsageError(`--replicas: ${JSON.stringify(url)} is no http or https URL`);
    }
  }
  return urls;
}

interface Range {
  readonly min: number;
  readonly max: number;
}

function number(flag: string, text: string, { min, max }: Range): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!(value >= min && value <= max)) {
    throw new UsageError(`--${flag} takes a number from ${min} to ${max}, not ${JSON.stringify(text)}`);
  }
  return value;
}

function integer(flag: string, text: string, range: Range): number {
  const value = number(flag, text, range);
  if (!Number.isInteger(value)) throw new UsageError(`--${flag} takes a whole number, not ${JSON.stringify(text)}`);
  return value;
}

function oneOf<const Choice extends string>(flag: string, text: string, choices: readonly Choice[]): Choice {
  const found = choices.find((choice) => choice === text);
  if (found === undefined)
    throw new UsageError(`--${flag} is one of ${choices.join(', ')}, not ${JSON.stringify(text)}`);
  return found;
}
