import { formatCount, formatMs, formatTable } from './format.ts';
import { REPORT_VERSION, type LoadReport } from './report.ts';
import { outcomeOf } from './text.ts';

/** A file that is no report of this generator. */
export class ReportError extends Error {
  readonly code = 'REPORT_INVALID';

  constructor(file: string, why: string, cause?: unknown) {
    super(`${file}: ${why}`, { cause });
    this.name = 'ReportError';
  }

  shouldRetry(): boolean {
    return false;
  }
}

/** @throws ReportError */
export function parseReport(file: string, text: string): LoadReport {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ReportError(file, 'is no JSON', error);
  }
  if (typeof value !== 'object' || value === null || !('version' in value) || !('latency' in value)) {
    throw new ReportError(file, 'is no report of npm run load');
  }
  if (value.version !== REPORT_VERSION) {
    throw new ReportError(file, `has version ${String(value.version)}, this program reads version ${REPORT_VERSION}`);
  }
  return value as LoadReport;
}

/** What of two runs must be the same for their ratio to say something. */
const SHAPE = ['profile', 'rate', 'companies', 'sockets', 'publish', 'through', 'traceRatio', 'gateways'] as const;

/** Both runs beside each other with the ratio second to first. */
export function renderComparison(before: LoadReport, after: LoadReport): string {
  const rows = [
    duration('latency p50', before.latency.p50Ms, after.latency.p50Ms),
    duration('latency p90', before.latency.p90Ms, after.latency.p90Ms),
    duration('latency p99', before.latency.p99Ms, after.latency.p99Ms),
    duration('latency max', before.latency.maxMs, after.latency.maxMs),
    duration('confirmation p50', before.confirmation.p50Ms, after.confirmation.p50Ms),
    duration('confirmation p99', before.confirmation.p99Ms, after.confirmation.p99Ms),
    ...before.processes.flatMap((process) => {
      const same = after.processes.find(({ name }) => name === process.name);
      if (!same) return [];
      return [
        row(`${process.name} CPU µs per event`, [process.cpuUsPerEvent, same.cpuUsPerEvent], (value) =>
          value.toFixed(1),
        ),
        row(`${process.name} memory MiB`, [process.residentBytes, same.residentBytes], (value) =>
          formatCount(value / 2 ** 20),
        ),
      ];
    }),
    row('lost', [before.verdict.lost, after.verdict.lost], formatCount),
  ];
  const table = formatTable([['', 'before', 'after', 'ratio'], ...rows]);
  const warnings = warningsOf(before, after);
  return `${table}\n${warnings.map((warning) => `\n${warning}`).join('')}${warnings.length > 0 ? '\n' : ''}`;
}

function duration(name: string, before: number, after: number): string[] {
  return row(name, [before, after], formatMs);
}

function row(name: string, [before, after]: readonly [number, number], format: (value: number) => string): string[] {
  return [name, format(before), format(after), before === 0 ? '–' : (after / before).toFixed(2)];
}

function warningsOf(before: LoadReport, after: LoadReport): readonly string[] {
  const differing = SHAPE.filter((key) => before.options[key] !== after.options[key]).map(
    (key) => `not the same run: ${key} was ${String(before.options[key])} and is ${String(after.options[key])}`,
  );
  const machines = [before, after].map(({ environment: { cpu, cores, os } }) => `${cores} x ${cpu}, ${os}`);
  return [
    ...differing,
    ...(machines[0] === machines[1] ? [] : [`not the same machine: ${machines.join(' and ')}`]),
    ...(outcomeOf(before).word === 'VOID' ? ['the first run is void'] : []),
    ...(outcomeOf(after).word === 'VOID' ? ['the second run is void'] : []),
  ];
}
