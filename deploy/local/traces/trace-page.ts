import { join } from 'node:path';
import { formatClock } from '../clock.ts';
import type { ReceivedSpan } from './otlp.ts';
import { companyOf, type Trace, type TraceFilter } from './trace-store.ts';

const MAX_ROWS = 200;

const STYLE = `
  body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1b1f24; }
  a { color: #0b5cad; text-decoration: none; } a:hover { text-decoration: underline; }
  table { border-collapse: collapse; width: 100%; } th { text-align: left; font-weight: 600; }
  th, td { padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #e3e7eb; white-space: nowrap; }
  td.bar { width: 50%; } .lane { position: relative; height: .8rem; background: #f2f4f6; }
  .span { position: absolute; height: 100%; min-width: 2px; background: #2f7fd1; }
  .whatsapp { background: #1f9d57; } .canary { background: #c99a1d; } .failed { background: #c8362d; }
  code, .ms { font-family: ui-monospace, monospace; font-size: 12px; } summary { cursor: pointer; }
  dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; margin: .25rem 0; } dd { margin: 0; }`;

/** All traces, newest first. */
export function renderList(traces: readonly Trace[], { company = '', synthetic = false }: TraceFilter): string {
  const rows = traces.slice(0, MAX_ROWS).map(toRow).join('');
  const empty = traces.length === 0 ? '<p>No trace yet: link a phone, or show synthetic ones.</p>' : '';
  return page(
    'Traces',
    `<h1>Traces</h1>
<form><label>company <input name="company" value="${escape(company)}"></label>
<label><input type="checkbox" name="synthetic" ${synthetic ? 'checked' : ''}> canary and load</label>
<button>show</button></form>
<table><thead><tr><th>began</th><th>trace</th><th>company</th><th>services</th><th>spans</th><th>took</th></tr></thead>
<tbody>${rows}</tbody></table>${empty}`,
  );
}

/** One trace as a waterfall; each span opens to its attributes. @param logs folder of the processes' log files */
export function renderTrace(trace: Trace, logs: string): string {
  const { beganMs, tookMs } = extentOf(trace);
  const rows = trace.spans.map((span) => toLane(span, { depth: depthOf(trace, span), beganMs, tookMs })).join('');
  return page(
    trace.traceId,
    `<p><a href="/">all traces</a></p><h1>${escape(nameOf(trace))}</h1>
<p><code>${escape(trace.traceId)}</code> ${escape(companyOf(trace) ?? '')} · ${formatClock(beganMs)} · ${toMs(tookMs)}</p>
<p>Its log lines: <code>grep ${escape(trace.traceId)} ${escape(join(logs, '*.log'))}</code></p>
<table><tbody>${rows}</tbody></table>`,
  );
}

function toRow(trace: Trace): string {
  const { beganMs, tookMs } = extentOf(trace);
  const services = [...new Set(trace.spans.map(({ service }) => service))].join(', ');
  return `<tr><td>${formatClock(beganMs)}</td><td><a href="/traces/${escape(trace.traceId)}">${escape(nameOf(trace))}</a></td>
<td>${escape(companyOf(trace) ?? '')}</td><td>${escape(services)}</td><td>${trace.spans.length}</td><td class="ms">${toMs(tookMs)}</td></tr>`;
}

function toLane(span: ReceivedSpan, { depth, beganMs, tookMs }: { depth: number; beganMs: number; tookMs: number }) {
  const left = ((span.startMs - beganMs) / tookMs) * 100;
  const width = (span.durationMs / tookMs) * 100;
  const facts = [...Object.entries(span.attributes), ['span.kind', span.kind], ['span.id', span.spanId]] as const;
  const list = facts.map(([key, value]) => `<dt>${escape(key)}</dt><dd><code>${escape(String(value))}</code></dd>`);
  const look = `span ${escape(span.service)} ${span.failed ? 'failed' : ''}`;
  return `<tr><td style="padding-left:${depth}rem"><details><summary>${escape(span.service)}: ${escape(span.name)}</summary>
<dl>${list.join('')}</dl></details></td><td class="ms">${toMs(span.durationMs)}</td>
<td class="bar"><div class="lane"><div class="${look}" style="left:${left.toFixed(2)}%;width:${width.toFixed(2)}%"></div></div></td></tr>`;
}

/** The root, or what began first while the root is still on its way. */
function nameOf({ spans }: Trace): string {
  return (spans.find(({ parentSpanId }) => parentSpanId === undefined) ?? spans[0])?.name ?? '';
}

function extentOf({ spans }: Trace): { beganMs: number; tookMs: number } {
  const beganMs = Math.min(...spans.map(({ startMs }) => startMs));
  const endedMs = Math.max(...spans.map(({ startMs, durationMs }) => startMs + durationMs));
  return { beganMs, tookMs: Math.max(endedMs - beganMs, 0.001) };
}

function depthOf({ spans }: Trace, span: ReceivedSpan): number {
  const parents = new Set<string>();
  let parent = span.parentSpanId;
  while (parent !== undefined && !parents.has(parent)) {
    parents.add(parent);
    parent = spans.find(({ spanId }) => spanId === parent)?.parentSpanId;
  }
  return parents.size;
}

function toMs(ms: number): string {
  return `${ms.toFixed(ms < 10 ? 2 : 0)} ms`;
}

function page(title: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escape(title)}</title>
<meta name="viewport" content="width=device-width"><style>${STYLE}</style></head><body>${body}</body></html>`;
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
