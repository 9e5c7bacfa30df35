import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { SPECS } from '../../grafana/dashboards.ts';
import { formatDashboard, toDashboards } from '../../grafana/layout.ts';
import { substitute } from '../../grafana/substitute.ts';
import { METRICS, type MetricName } from '../../shared/contract/metrics.ts';
import { metricOfSeries } from '../../shared/contract/series.ts';
import { panelsOf, queriesOf, readDashboards } from './generated.ts';
import { faultsOf } from './known-series.ts';
import { ranges, selectors, SUBSTITUTES, syntaxErrors } from './promql.ts';

const DASHBOARDS = readDashboards();
const PANELS = DASHBOARDS.flatMap(panelsOf);
const QUERIES = DASHBOARDS.flatMap(queriesOf);
const nameOf = ({ dashboard, panel }: { dashboard: string; panel: { title?: string } }) =>
  `${dashboard} / ${panel.title}`;

/** The panels, by name, for which `isBad`. */
function panelsThat(isBad: (panel: (typeof PANELS)[number]) => boolean): readonly string[] {
  return PANELS.filter(isBad).map(nameOf);
}

function queriesThat(isBad: (query: (typeof QUERIES)[number]) => boolean): readonly string[] {
  return QUERIES.filter(isBad).map(({ dashboard, panel, expr }) => `${dashboard} / ${panel}: ${expr}`);
}

test('the committed files are what the sources build', () => {
  for (const dashboard of toDashboards(SPECS)) {
    const committed = readFileSync(new URL(`../../grafana/generated/${dashboard.uid}.json`, import.meta.url), 'utf8');
    expect(committed === formatDashboard(dashboard), `${dashboard.uid}.json is old: npm run dashboards`).toBe(true);
  }
  expect(DASHBOARDS).toHaveLength(SPECS.length);
});

test('the landing dashboard tells its story from top to bottom', () => {
  const landing = DASHBOARDS.find(({ uid }) => uid === 'broker-connect');
  const story = (landing?.panels ?? []).filter(({ type }) => type === 'row').map(({ title }) => title);
  expect(story).toEqual([
    'Does a connect reach the browser? Now, and over 30 days',
    'How many, how many fail, how fast?',
    'Where does the time go?',
    'What is full?',
    'For whom? Type a salon id above',
  ]);
});

describe('every panel', () => {
  test('has a title that no other panel of its dashboard has', () => {
    const names = PANELS.map(nameOf);
    expect(panelsThat(({ panel }) => !panel.title)).toEqual([]);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  test('says in a sentence or two what it shows and what to do', () => {
    expect(panelsThat(({ panel }) => (panel.description ?? '').length < 60)).toEqual([]);
  });

  test('that shows numbers has a unit', () => {
    const shown = new Set(['timeseries', 'stat', 'heatmap']);
    expect(panelsThat(({ panel }) => shown.has(panel.type) && !panel.fieldConfig?.defaults?.unit)).toEqual([]);
  });

  test('takes its datasource from a variable, in each query too', () => {
    const isVariable = (uid?: string) => /^\$\{(datasource|tempo|loki)\}$/.test(uid ?? '');
    const bad = panelsThat(
      ({ panel, targets }) =>
        panel.type !== 'text' &&
        (!isVariable(panel.datasource?.uid) || targets.some(({ datasource }) => !isVariable(datasource?.uid))),
    );
    expect(bad).toEqual([]);
  });

  test('has at least one query, and a name of its own for each', () => {
    const bad = panelsThat(({ panel, targets }) => {
      const ids = targets.map(({ refId }) => refId);
      return panel.type !== 'text' && (ids.length === 0 || new Set(ids).size < ids.length || ids.includes(''));
    });
    expect(bad).toEqual([]);
  });
});

describe('on the screen', () => {
  test('panels neither overlap nor leave the 24 columns', () => {
    for (const { title, panels = [] } of DASHBOARDS) {
      const taken = new Map<string, string>();
      for (const { gridPos, title: panel = '' } of panels) {
        const { x, y, w, h } = gridPos ?? { x: 0, y: 0, w: 0, h: 0 };
        expect(w > 0 && h > 0 && x >= 0 && x + w <= 24, `${title} / ${panel} is placed badly`).toBe(true);
        for (let column = x; column < x + w; column += 1) {
          for (let line = y; line < y + h; line += 1) {
            const other = taken.get(`${column},${line}`);
            expect(other, `${title}: ${panel} covers ${other}`).toBeUndefined();
            taken.set(`${column},${line}`, panel);
          }
        }
      }
    }
  });

  test('ids are unique and links lead to panels that exist', () => {
    const known = new Map(DASHBOARDS.map(({ uid, panels = [] }) => [uid, panels.map(({ id }) => id)]));
    for (const ids of known.values()) expect(new Set(ids).size).toBe(ids.length);
    const broken = PANELS.flatMap(({ panel }) => panel.links ?? []).filter(({ url = '' }) => {
      const [, uid = '', id] = /^\/d\/([\w-]+)(?:\?viewPanel=(\d+))?$/.exec(url) ?? [];
      const ids = known.get(uid);
      return !ids || (id !== undefined && !ids.includes(Number(id)));
    });
    expect(broken).toEqual([]);
  });

  test('almost every panel leads on to another', () => {
    const withLinks = PANELS.filter(({ panel }) => (panel.links ?? []).length > 0);
    const measuring = PANELS.filter(({ panel }) => panel.type !== 'text');
    expect(withLinks.length / measuring.length).toBeGreaterThan(0.6);
  });
});

describe('every query', () => {
  test('is PromQL once its variables are replaced', () => {
    const errors = QUERIES.flatMap(({ expr, synthetic }) =>
      syntaxErrors(substitute(expr, { ...SUBSTITUTES, synthetic })),
    );
    expect(errors).toEqual([]);
  });

  test('names series and labels that exist, and reads counters through rate or increase alone', () => {
    expect(QUERIES.flatMap(({ expr, synthetic }) => faultsOf(substitute(expr, { ...SUBSTITUTES, synthetic })))).toEqual(
      [],
    );
  });

  test('of a panel looks back over the rate interval, or over the shown time', () => {
    const allowed = new Set(['$__rate_interval', '$__range']);
    const bad = queriesThat(
      ({ panel, expr }) => !panel.startsWith('annotation') && ranges(expr).some((range) => !allowed.has(range)),
    );
    expect(bad).toEqual([]);
  });

  test('of our own metrics can be narrowed to a service and an instance', () => {
    // These are about all replicas together, whichever is selected: a target that is down has no instance to select.
    const global = new Set(['canary_last_success_timestamp_seconds', 'service_build_info']);
    const bad = queriesThat(
      ({ panel, expr }) =>
        !panel.startsWith('annotation') &&
        selectors(substitute(expr, { ...SUBSTITUTES, synthetic: 'false' })).some(
          ({ name, labels }) => metricOfSeries(name) && !global.has(name) && !labels.includes('instance'),
        ),
    );
    expect(bad).toEqual([]);
  });
});

test('every metric of the contract is on a panel', () => {
  const shown = new Set(
    QUERIES.flatMap(({ expr, synthetic }) => selectors(substitute(expr, { ...SUBSTITUTES, synthetic }))).map(
      ({ name }) => metricOfSeries(name),
    ),
  );
  expect(Object.keys(METRICS).filter((name) => !shown.has(name as MetricName))).toEqual([]);
});

test('latencies carry exemplars that lead to traces', () => {
  const landing = PANELS.filter(({ dashboard }) => dashboard === 'Connect → browser');
  const withExemplars = landing.filter(({ panel }) =>
    (panel.targets ?? []).some((target) => (target as { exemplar?: boolean }).exemplar === true),
  );
  expect(withExemplars.map(({ panel }) => panel.title)).toEqual(
    expect.arrayContaining(['Connect → browser', 'All deliveries', 'Where the time goes (p95 of each stage)']),
  );
});
