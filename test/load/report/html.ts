import type { Percentiles } from '../generator/latencies.ts';
import { lineChart, type Series } from './charts.ts';
import { formatCount, formatMiB, formatMs, formatPercent } from './format.ts';
import { latencyNamesOf, type LoadReport, type SecondRow } from './report.ts';
import { STYLE } from './style.ts';
import { companiesOf, outcomeOf } from './text.ts';

/** The report as one page that needs nothing else: no script, no network. */
export function renderHtml(report: LoadReport): string {
  const { word, reasons } = outcomeOf(report);
  const { options, latency } = report;
  const title = `${word}: ${formatCount(options.rate)} events/s, p99 ${formatMs(latency.p99Ms)}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<header>
<p class="verdict ${word.toLowerCase()}">${word}${report.interrupted ? ' · interrupted' : ''}</p>
<h1>${escape(sentenceOf(report))}</h1>
${reasons.length > 0 ? `<ul class="reasons">${reasons.map((reason) => `<li>${escape(reason)}</li>`).join('')}</ul>` : ''}
<p class="meta">${escape(report.madeAt)} · <code>${escape(report.command)}</code></p>
</header>
${tiles(report)}
${section('What arrived', verdictTable(report), 'Counted by event id at every browser, those that must hear nothing included.')}
${section('Latency by percentile', percentileChart(report), percentileNote(report))}
${section('Latency', latencyTable(report), agreementNote(report))}
${section('Latency over time', latencyChart(report), 'By the second in which an event was meant to be sent. The warm-up is left out.')}
${section('Throughput', throughputChart(report), 'Deliveries (events times browsers of their company) a second: meant to begin, and arrived.')}
${report.steps.length > 0 ? section('Steps', stepTable(report), kneeNote(report)) : ''}
${report.stages.length > 0 ? section('Where the time goes', stageTable(report), "The services' own histograms. broker_transit begins when the event was due.") : ''}
${section('Processes', processTable(report), 'Measured part: CPU for each published event, memory at its end.')}
${section('Counters of the services', counterTable(report), 'Increase during the measured part. Repaired states came from the stream after live delivery had missed them.')}
${section('Conditions', conditionsTable(report), 'Only runs on the same machine with the same flags compare.')}
</main>
</body>
</html>
`;
}

function sentenceOf({ options, sent, verdict }: LoadReport): string {
  const events = options.through === 'whatsapp' ? 'links' : 'events';
  return `${formatCount(sent)} ${events} over ${formatCount(companiesOf(options))} companies, ${formatCount(options.sockets)} browsers: ${formatCount(verdict.delivered)} of ${formatCount(verdict.expected)} deliveries arrived`;
}

function tiles({ latency, verdict, processes, kneeRate }: LoadReport): string {
  const gateway = processes.find(({ name }) => name.startsWith('socket'));
  const wrong = verdict.duplicated + verdict.outOfOrder + verdict.wrongRoom;
  const all: [string, string][] = [
    ['p50', formatMs(latency.p50Ms)],
    ['p99', formatMs(latency.p99Ms)],
    ['lost', formatCount(verdict.lost)],
    ['duplicated, out of order, wrong room', formatCount(wrong)],
    ...(gateway ? [['gateway CPU per event', `${gateway.cpuUsPerEvent.toFixed(1)} µs`] as [string, string]] : []),
    ...(kneeRate === undefined ? [] : [['knee', `${formatCount(kneeRate)}/s`] as [string, string]]),
  ];
  return `<dl class="tiles">${all.map(([name, value]) => `<div><dt>${escape(name)}</dt><dd>${escape(value)}</dd></div>`).join('')}</dl>`;
}

function verdictTable({ verdict }: LoadReport): string {
  const rows: [string, number, boolean][] = [
    ['expected', verdict.expected, true],
    ['arrived', verdict.delivered, true],
    ['lost', verdict.lost, verdict.lost === 0],
    ['duplicated', verdict.duplicated, verdict.duplicated === 0],
    ['out of order', verdict.outOfOrder, verdict.outOfOrder === 0],
    ['wrong room, or never published', verdict.wrongRoom, verdict.wrongRoom === 0],
    ['browsers that do not show the last state', verdict.unconverged, verdict.unconverged === 0],
    ['legacy emits without their state', verdict.unpaired, verdict.unpaired === 0],
  ];
  const body = rows
    .map(
      ([name, value, good]) =>
        `<tr class="${good ? '' : 'bad'}"><th>${escape(name)}</th><td>${formatCount(value)}</td></tr>`,
    )
    .join('');
  const examples = verdict.examples.map((example) => `<li>${escape(example)}</li>`).join('');
  return `<table><tbody>${body}</tbody></table>${examples === '' ? '' : `<ul class="examples">${examples}</ul>`}`;
}

function percentileNote({ options }: LoadReport): string {
  return options.through === 'whatsapp'
    ? "From WhatsApp's report of the connect to the browser, by the clock of this machine."
    : 'From the intended send time to the browser: what a slow system made later events wait is in it.';
}

function percentileChart({ curve, lag }: LoadReport): string {
  if (curve.length === 0) return '<p>nothing was delivered</p>';
  const nines = (percentile: number) => -Math.log10(1 - percentile / 100);
  const points = curve.map(({ percentile, ms }) => ({ x: nines(percentile), y: ms }));
  const last = points.at(-1)?.x ?? 1;
  const ticks = [0, 50, 90, 99, 99.9, 99.99, 99.999].map((percentile) => ({
    at: nines(percentile),
    text: `${percentile} %`,
  }));
  return lineChart({
    series: [
      { name: 'latency', colour: 'var(--a)', points },
      {
        name: "p99 of the generator's own lag",
        colour: 'var(--c)',
        dashed: true,
        points: [0, last].map((x) => ({ x, y: lag.p99Ms })),
      },
    ],
    x: { ticks: ticks.filter(({ at }) => at <= last), title: 'percentile' },
    y: { scale: 'log', format: formatMs, title: 'latency' },
  });
}

function latencyChart({ seconds }: LoadReport): string {
  const timed = seconds.filter((row) => row.p99Ms !== undefined);
  const series = (name: string, colour: string, of: (row: (typeof timed)[number]) => number | undefined): Series => ({
    name,
    colour,
    points: timed.map((row) => ({ x: row.second, y: of(row) ?? 0 })),
  });
  if (timed.length === 0) return '<p>nothing was delivered</p>';
  return lineChart({
    series: [
      series('max', 'var(--c)', ({ maxMs }) => maxMs),
      series('p99', 'var(--b)', ({ p99Ms }) => p99Ms),
      series('p50', 'var(--a)', ({ p50Ms }) => p50Ms),
    ],
    x: { ticks: secondTicks(timed.map(({ second }) => second)), title: 'second of the run' },
    y: { scale: 'log', format: formatMs, title: 'latency' },
  });
}

function throughputChart({ seconds, options }: LoadReport): string {
  const shown = withoutTail(seconds);
  const points = (of: (row: SecondRow) => number) => shown.map((row) => ({ x: row.second, y: of(row) }));
  const offered: Series = { name: 'offered', colour: 'var(--b)', dashed: true, points: points((row) => row.offered) };
  return lineChart({
    series: [
      { name: 'arrived', colour: 'var(--a)', points: points((row) => row.delivered) },
      ...(options.through === 'whatsapp' ? [] : [offered]),
    ],
    x: { ticks: secondTicks(shown.map(({ second }) => second)), title: 'second of the run' },
    y: { scale: 'linear', format: formatCount, title: 'deliveries a second' },
  });
}

/** The last events of a run that keeps up arrive some ms into a second of their own: not a collapse of the throughput. */
function withoutTail(seconds: readonly SecondRow[]): readonly SecondRow[] {
  const last = seconds.at(-1);
  const before = seconds.at(-2);
  const isTail = last && before && last.offered === 0 && last.delivered < before.delivered / 10;
  return isTail ? seconds.slice(0, -1) : seconds;
}

function secondTicks(seconds: readonly number[]): { at: number; text: string }[] {
  const first = seconds[0] ?? 0;
  const last = seconds.at(-1) ?? 0;
  const step = [1, 2, 5, 10, 30, 60, 300, 600, 3600].find((each) => (last - first) / each <= 10) ?? 3600;
  const ticks = [];
  for (let at = Math.ceil(first / step) * step; at <= last; at += step) ticks.push({ at, text: `${at} s` });
  return ticks;
}

function latencyTable({ latency, lag, confirmation, server, options }: LoadReport): string {
  const names = latencyNamesOf(options);
  const row = (name: string, { count, meanMs, p50Ms, p90Ms, p99Ms, p999Ms, maxMs }: Percentiles) => [
    name,
    formatCount(count),
    ...[meanMs, p50Ms, p90Ms, p99Ms, p999Ms, maxMs].map(formatMs),
  ];
  const rows = [row(names.latency, latency)];
  if (server) {
    const { count, meanMs, p50Ms, p99Ms } = server.connectToEmit;
    rows.push([names.untilEmit, formatCount(count), formatMs(meanMs), formatMs(p50Ms), '', formatMs(p99Ms), '', '']);
  }
  rows.push(row(names.confirmation, confirmation), row(names.lag, lag));
  return table(['', 'count', 'mean', 'p50', 'p90', 'p99', 'p99.9', 'max'], rows);
}

function agreementNote({ server }: LoadReport): string {
  if (!server) return 'The services say nothing of it: their /metrics were not reachable.';
  const word = (agrees: boolean) => (agrees ? 'agrees' : 'DIFFERS');
  return `Within a bucket of the services' histograms the p50 ${word(server.p50Agrees)} and the p99 ${word(server.p99Agrees)}.`;
}

function stepTable({ steps }: LoadReport): string {
  const rows = steps.map(({ rate, p50Ms, p99Ms, keptUp, lagP99Ms }) => [
    formatCount(rate),
    formatMs(p50Ms),
    formatMs(p99Ms),
    formatPercent(keptUp),
    formatMs(lagP99Ms),
  ]);
  return table(['events/s', 'p50', 'p99', 'kept up', 'generator lag p99'], rows);
}

function kneeNote({ kneeRate }: LoadReport): string {
  return kneeRate === undefined
    ? 'The first step was too much already.'
    : `The knee is at ${formatCount(kneeRate)} events/s: the last rate that was kept up with.`;
}

function stageTable({ stages }: LoadReport): string {
  const widest = Math.max(...stages.map(({ p99Ms }) => p99Ms));
  const rows = stages.map(({ stage, count, meanMs, p50Ms, p99Ms }) => {
    const share = (ms: number) => `${((ms / widest) * 100).toFixed(1)}%`;
    const bar = `<span class="bar"><i style="width:${share(p99Ms)}"></i><b style="width:${share(p50Ms)}"></b></span>`;
    return `<tr><th>${escape(stage)}</th><td>${formatCount(count)}</td><td>${formatMs(meanMs)}</td><td>${formatMs(p50Ms)}</td><td>${formatMs(p99Ms)}</td><td class="wide">${bar}</td></tr>`;
  });
  return `<div class="scroll"><table><thead><tr><th></th><th>count</th><th>mean</th><th>p50</th><th>p99</th><th>p50 within p99</th></tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

function processTable({ processes, generator }: LoadReport): string {
  return table(
    ['', 'of a core', 'CPU', 'CPU per event', 'memory'],
    [
      ...processes.map(({ name, cpuShare, cpuSeconds, cpuUsPerEvent, residentBytes }) => [
        name,
        formatPercent(cpuShare),
        `${cpuSeconds.toFixed(2)} s`,
        `${cpuUsPerEvent.toFixed(1)} µs`,
        formatMiB(residentBytes),
      ]),
      ...generator.map(({ name, utilization, cpuSeconds }) => [
        `generator: ${name}`,
        formatPercent(utilization),
        `${cpuSeconds.toFixed(2)} s`,
        '',
        '',
      ]),
    ],
  );
}

function counterTable({ counters }: LoadReport): string {
  return table(
    ['', 'increase'],
    Object.entries(counters).map(([name, value]) => [name, formatCount(value)]),
  );
}

function conditionsTable({ options, environment }: LoadReport): string {
  const { packages, memoryBytes, loadBefore, ...rest } = environment;
  const rows: [string, string][] = [
    ...Object.entries(options)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]): [string, string] => [name, String(value)]),
    ...Object.entries(rest).map(([name, value]): [string, string] => [name, String(value)]),
    ['memory', formatMiB(memoryBytes)],
    ['load of the machine before', loadBefore.toFixed(2)],
    ...Object.entries(packages),
  ];
  return `<table class="pairs"><tbody>${rows.map(([name, value]) => `<tr><th>${escape(name)}</th><td>${escape(value)}</td></tr>`).join('')}</tbody></table>`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const headCells = head.map((cell) => `<th>${escape(cell)}</th>`).join('');
  const body = rows.map(
    ([name = '', ...cells]) =>
      `<tr><th>${escape(name)}</th>${cells.map((cell) => `<td>${escape(cell)}</td>`).join('')}</tr>`,
  );
  return `<div class="scroll"><table><thead><tr>${headCells}</tr></thead><tbody>${body.join('')}</tbody></table></div>`;
}

function section(title: string, body: string, note: string): string {
  return `<section><h2>${escape(title)}</h2><p class="note">${escape(note)}</p>${body}</section>`;
}

export function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
