import { readFile } from 'node:fs/promises';
import { EVERYTHING, substitute } from '../../grafana/substitute.ts';
import { buckets } from '../../shared/contract/series.ts';

const LANDING = new URL('../../grafana/generated/broker-connect.json', import.meta.url);

interface Panel {
  readonly type: string;
  readonly title?: string;
  readonly description?: string;
  readonly targets?: readonly {
    readonly expr?: string;
    readonly exemplar?: boolean;
    readonly datasource?: { readonly type?: string };
  }[];
}

/** What the macros of Grafana stand for when scrapes are some seconds apart; canary and load tests are shown too. */
const SUBSTITUTES = { ...EVERYTHING, synthetic: '.*', __rate_interval: '1m', __range: '1h' };

/**
 * The landing dashboard for somebody without Grafana: a page of Prometheus itself with its questions, its panels, what
 * they mean, and a link that draws each.
 * @param tracesUrl where traces are shown, if they are
 */
export async function formatQueriesPage(tracesUrl?: string): Promise<string> {
  const { title, panels } = JSON.parse(await readFile(LANDING, 'utf8')) as { title: string; panels: readonly Panel[] };
  const body = panels.map((panel) => (panel.type === 'row' ? `<h2>${escape(panel.title ?? '')}</h2>` : toItem(panel)));
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${escape(title)}</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
  h3 { margin: 1.5rem 0 0; }
  p { margin: 0; color: #555; }
  a { color: #0b63c5; }
</style>
<h1>${escape(title)}</h1>
<p>The panels of the landing dashboard, drawn by Prometheus; the first one lists its alerts.</p>
${tracesUrl === undefined ? '' : toTracesHint(tracesUrl)}
${body.join('\n')}
</html>
`;
}

/** Not every Prometheus draws exemplars: Debian's has the old pages alone, but each answers which ones it has. */
function toTracesHint(tracesUrl: string): string {
  const sli = buckets('whatsapp_connect_to_emit_duration_seconds', { synthetic: 'false' });
  const exemplars = `/api/v1/query_exemplars?${new URLSearchParams({ query: sli }).toString()}`;
  const traces = `<a href="${escape(tracesUrl)}">${escape(tracesUrl)}</a>`;
  return `<p>Single events behind the numbers: <a href="${escape(exemplars)}">exemplars</a>, which newer versions also draw as dots.
A <code>trace_id</code> opens as ${traces}traces/&lt;trace_id&gt;.</p>`;
}

function toItem({ title = '', description = '', targets = [] }: Panel): string {
  const queries = targets.flatMap(({ expr, exemplar = false, datasource }) =>
    expr === undefined || datasource?.type !== 'prometheus' ? [] : [{ expr: substitute(expr, SUBSTITUTES), exemplar }],
  );
  // Panels of traces and logs have no query that Prometheus could draw.
  if (queries.length === 0) return '';
  return `<h3><a href="${escape(graphUrl(queries))}">${escape(title)}</a></h3>\n<p>${escape(description)}</p>`;
}

/** Prometheus draws each query in a graph of its own, over the last quarter of an hour. */
function graphUrl(queries: readonly { readonly expr: string; readonly exemplar: boolean }[]): string {
  const parameters = new URLSearchParams();
  for (const [index, { expr, exemplar }] of queries.entries()) {
    parameters.set(`g${index}.expr`, expr);
    parameters.set(`g${index}.tab`, '0');
    parameters.set(`g${index}.range_input`, '15m');
    if (exemplar) parameters.set(`g${index}.show_exemplars`, '1');
  }
  return `/graph?${parameters.toString()}`;
}

/** For HTML, and for Go's templates, which Prometheus takes the page for. */
function escape(text: string): string {
  return text.replaceAll(/[&<>"{}]/g, (character) => `&#${character.codePointAt(0)};`);
}
