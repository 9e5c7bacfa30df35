import { readdirSync, readFileSync } from 'node:fs';
import type { Dashboard, Panel } from '@grafana/grafana-foundation-sdk/dashboard';

const FOLDER = new URL('../../grafana/generated/', import.meta.url);

interface Target {
  readonly refId: string;
  readonly expr?: string;
  readonly instant?: boolean;
  readonly legendFormat?: string;
  readonly datasource?: { readonly type?: string; readonly uid?: string };
}

export interface PanelOfDashboard {
  readonly dashboard: string;
  readonly panel: Panel;
  readonly targets: readonly Target[];
}

/** A PromQL query as a dashboard holds it, with its variables. */
export interface PanelQuery {
  readonly dashboard: string;
  readonly panel: string;
  readonly refId: string;
  readonly expr: string;
  readonly legend: string;
  readonly instant: boolean;
  /** What `$synthetic` stands for on that dashboard. */
  readonly synthetic: string;
}

/** The dashboards as they are committed. */
export function readDashboards(): readonly Dashboard[] {
  return readdirSync(FOLDER).map((file) => JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as Dashboard);
}

/** The panels of a dashboard without its rows, from top to bottom. */
export function panelsOf({ title = '', panels = [] }: Dashboard): readonly PanelOfDashboard[] {
  return panels
    .filter((panel): panel is Panel => panel.type !== 'row')
    .map((panel) => ({
      dashboard: title,
      panel,
      targets: (panel.targets ?? []) as readonly unknown[] as readonly Target[],
    }));
}

/** Every PromQL query of the panels, then of the annotations. */
export function queriesOf(dashboard: Dashboard): readonly PanelQuery[] {
  const common = { dashboard: dashboard.title ?? '', synthetic: syntheticOf(dashboard) };
  const drawn = panelsOf(dashboard).flatMap(({ panel, targets }) =>
    targets.flatMap(({ refId, expr, instant = false, legendFormat = '', datasource }) =>
      expr === undefined || datasource?.type !== 'prometheus'
        ? []
        : [{ ...common, panel: panel.title ?? '', refId, expr, instant, legend: legendFormat }],
    ),
  );
  const marked = (dashboard.annotations?.list ?? []).flatMap(({ name, expr }) =>
    expr === undefined
      ? []
      : [{ ...common, panel: `annotation ${name}`, refId: '-', expr, instant: false, legend: '' }],
  );
  return [...drawn, ...marked];
}

function syntheticOf({ templating }: Dashboard): string {
  const value = templating?.list?.find(({ name }) => name === 'synthetic')?.current?.value;
  if (typeof value !== 'string') throw new TypeError('a dashboard without the variable synthetic');
  return value;
}
