import type { Percentiles } from '../generator/latencies.ts';
import { formatCount, formatMiB, formatMs, formatPercent, formatTable } from './format.ts';
import { latencyNamesOf, type LoadReport } from './report.ts';

/** The report for the terminal. */
export function renderText(report: LoadReport): string {
  const { verdict, environment, options } = report;
  const sections = [
    headline(report),
    formatTable([
      ['', 'expected', 'arrived', 'lost', 'duplicated', 'out of order', 'wrong room', 'not converged'],
      [
        'browsers',
        ...[
          verdict.expected,
          verdict.delivered,
          verdict.lost,
          verdict.duplicated,
          verdict.outOfOrder,
          verdict.wrongRoom,
          verdict.unconverged,
        ].map(formatCount),
      ],
    ]),
    latencyTable(report),
    ...(report.steps.length > 0 ? [stepTable(report)] : []),
    ...(report.stages.length > 0 ? [stageTable(report)] : []),
    processTable(report),
    ...(verdict.examples.length > 0 ? [`for example:\n  ${verdict.examples.join('\n  ')}`] : []),
    `${formatCount(companiesOf(options))} companies, ${formatCount(options.sockets)} browsers, ${formatCount(report.sent)} events, ` +
      `${options.through === 'whatsapp' ? 'through WhatsApp' : `${options.publish} publish`}, node ${environment.node}, nats-server ${environment.natsServer}, ` +
      `${environment.cores} x ${environment.cpu}, load before ${environment.loadBefore.toFixed(2)}, ${environment.commit}`,
  ];
  return `${sections.join('\n\n')}\n`;
}

/** Companies that got events. Through WhatsApp each one that has a browser is linked. */
export function companiesOf({ through, companies, sockets }: LoadReport['options']): number {
  return through === 'whatsapp' ? sockets : companies;
}

/** What became of the run, in one word and the reasons. */
export function outcomeOf({ voidReasons, failures }: LoadReport): {
  readonly word: 'VOID' | 'FAILED' | 'PASSED';
  readonly reasons: readonly string[];
} {
  if (voidReasons.length > 0) return { word: 'VOID', reasons: [...voidReasons, ...failures] };
  return failures.length > 0 ? { word: 'FAILED', reasons: failures } : { word: 'PASSED', reasons: [] };
}

function headline(report: LoadReport): string {
  const { word, reasons } = outcomeOf(report);
  const interrupted = report.interrupted ? ' (interrupted: judged by what was sent until then)' : '';
  return [`${word}${interrupted}`, ...reasons.map((reason) => `  ${reason}`)].join('\n');
}

function latencyTable({ latency, lag, confirmation, server, options }: LoadReport): string {
  const names = latencyNamesOf(options);
  const head = ['', 'count', 'mean', 'p50', 'p90', 'p99', 'p99.9', 'max'];
  const row = (name: string, { count, meanMs, p50Ms, p90Ms, p99Ms, p999Ms, maxMs }: Percentiles) => [
    name,
    formatCount(count),
    ...[meanMs, p50Ms, p90Ms, p99Ms, p999Ms, maxMs].map(formatMs),
  ];
  const rows = [head, row(names.latency, latency)];
  if (server) {
    const { count, meanMs, p50Ms, p99Ms } = server.connectToEmit;
    rows.push([names.untilEmit, formatCount(count), formatMs(meanMs), formatMs(p50Ms), '', formatMs(p99Ms), '', '']);
  }
  rows.push(row(names.confirmation, confirmation), row(names.lag, lag));
  const agreement = server
    ? `\nbuckets of browsers and /metrics: p50 ${agree(server.p50Agrees)}, p99 ${agree(server.p99Agrees)}`
    : '';
  return formatTable(rows) + agreement;
}

function agree(agrees: boolean): string {
  return agrees ? 'agree' : 'DIFFER';
}

function stepTable({ steps, kneeRate }: LoadReport): string {
  const rows = steps.map(({ rate, p50Ms, p99Ms, keptUp, lagP99Ms }) => [
    formatCount(rate),
    formatMs(p50Ms),
    formatMs(p99Ms),
    formatPercent(keptUp),
    formatMs(lagP99Ms),
  ]);
  const knee = kneeRate === undefined ? 'below the first step' : `${formatCount(kneeRate)} events/s`;
  return `${formatTable([['events/s', 'p50', 'p99', 'kept up', 'generator lag p99'], ...rows])}\nknee: ${knee}`;
}

function stageTable({ stages }: LoadReport): string {
  const rows = stages.map(({ stage, count, meanMs, p50Ms, p99Ms }) => [
    stage,
    formatCount(count),
    ...[meanMs, p50Ms, p99Ms].map(formatMs),
  ]);
  return formatTable([['stage, by /metrics', 'count', 'mean', 'p50', 'p99'], ...rows]);
}

function processTable({ processes, generator }: LoadReport): string {
  return formatTable([
    ['process', 'of a core', 'CPU per event', 'memory'],
    ...processes.map(({ name, cpuShare, cpuUsPerEvent, residentBytes }) => [
      name,
      formatPercent(cpuShare),
      `${cpuUsPerEvent.toFixed(1)} µs`,
      formatMiB(residentBytes),
    ]),
    ...generator.map(({ name, utilization }) => [`generator: ${name}`, formatPercent(utilization), '', '']),
  ]);
}
