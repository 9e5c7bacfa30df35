import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  DashboardBuilder,
  DashboardCursorSync,
  RowBuilder,
  type Dashboard,
  type DashboardLink,
  type Panel,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DASHBOARDS, type DashboardName, type DashboardSpec, type PanelLink, type PanelSpec } from './panel.ts';
import { toLink, toPanel } from './theme.ts';
import { annotations, dashboardMenu, variables } from './variables.ts';

/** A link leads to a panel or dashboard that does not exist, or a row is wider than the screen. */
export class DashboardError extends Error {
  readonly code = 'DASHBOARD_INVALID';

  constructor(message: string) {
    super(message);
    this.name = 'DashboardError';
  }

  shouldRetry(): boolean {
    return false;
  }
}

const COLUMNS = 24;

/**
 * Dashboards as Grafana reads them, sections one below the other, their panels from left to right.
 * @throws DashboardError
 */
export function toDashboards(specs: readonly DashboardSpec[]): readonly Dashboard[] {
  const ids = new Map(specs.map((spec) => [spec.name, panelIds(spec)]));
  const urlOf = ({ dashboard, panel }: PanelLink): string => {
    const known = ids.get(dashboard);
    const url = `/d/${DASHBOARDS[dashboard]}`;
    if (known && panel === undefined) return url;
    const id = known?.get(panel ?? '');
    if (id === undefined) throw new DashboardError(`there is no panel ${panel} on dashboard ${dashboard}`);
    return `${url}?viewPanel=${id}`;
  };
  return specs.map((spec) => toDashboard(spec, urlOf));
}

/** Ids count from 1 in the order of the screen; rows have one too. */
function panelIds({ name, sections }: DashboardSpec): ReadonlyMap<string, number> {
  const ids = new Map<string, number>();
  let id = 0;
  for (const { panels } of sections) {
    id += 1;
    for (const { title } of panels) {
      id += 1;
      if (ids.has(title)) throw new DashboardError(`two panels of dashboard ${name} are called ${title}`);
      ids.set(title, id);
    }
  }
  return ids;
}

function toDashboard(spec: DashboardSpec, urlOf: (link: PanelLink) => string): Dashboard {
  const builder = new DashboardBuilder(spec.title)
    .uid(DASHBOARDS[spec.name])
    .description(spec.description)
    .tags(['whatsapp-broker'])
    .editable()
    .timezone('browser')
    .time({ from: spec.from ?? 'now-1h', to: 'now' })
    .refresh('30s')
    .tooltip(DashboardCursorSync.Crosshair)
    .variables(variables(spec.synthetic ?? 'false'))
    .annotations(annotations())
    .link(dashboardMenu());
  let id = 0;
  let y = 0;
  for (const { title, panels } of spec.sections) {
    id += 1;
    builder.withRow(new RowBuilder(title).id(id).gridPos({ x: 0, y, w: COLUMNS, h: 1 }));
    const placed = place(panels, y + 1);
    for (const { spec: panelSpec, x, y: top } of placed.panels) {
      id += 1;
      builder.withPanel(builderOf(toPlacedPanel(panelSpec, { id, x, y: top, urlOf })));
    }
    y = placed.bottom;
  }
  return builder.build();
}

interface Position {
  readonly x: number;
  readonly y: number;
}

function toPlacedPanel(
  spec: PanelSpec,
  { id, x, y, urlOf }: Position & { readonly id: number; readonly urlOf: (link: PanelLink) => string },
): Panel {
  const panel = toPanel(spec);
  const links: DashboardLink[] = (spec.links ?? []).map((link) => toLink(titleOf(link), urlOf(link)).build());
  return {
    ...panel,
    id,
    gridPos: { ...sizeOf(panel), x, y },
    ...(links.length > 0 && { links }),
  };
}

function titleOf({ dashboard, panel }: PanelLink): string {
  if (panel === undefined) return LINK_TITLES[dashboard];
  return dashboard === 'runbooks' ? `Runbook: ${panel}` : panel;
}

const LINK_TITLES: Readonly<Record<DashboardName, string>> = {
  connect: 'Connect → browser',
  nats: 'NATS',
  sessions: 'WhatsApp sessions',
  socket: 'Socket service',
  objectives: 'Objectives and budgets',
  canary: 'Canary and clocks',
  load: 'Load test',
  telemetry: 'Telemetry health',
  runbooks: 'Runbooks',
};

/** Each panel in turn as high up as it fits, and there as far left: smaller ones fill the space beside a tall one. */
function place(
  panels: readonly PanelSpec[],
  top: number,
): { readonly panels: readonly (Position & { readonly spec: PanelSpec })[]; readonly bottom: number } {
  const bottoms = Array.from({ length: COLUMNS }, () => top);
  const placed = panels.map((spec) => {
    const { w, h } = sizeOf(toPanel(spec));
    if (w > COLUMNS) throw new DashboardError(`${spec.title} is wider than the screen`);
    const free = Array.from({ length: COLUMNS - w + 1 }, (_, x) => Math.max(...bottoms.slice(x, x + w)));
    const y = Math.min(...free);
    const x = free.indexOf(y);
    bottoms.fill(y + h, x, x + w);
    return { spec, x, y };
  });
  return { panels: placed, bottom: Math.max(...bottoms) };
}

function sizeOf({ gridPos, title }: Panel): { readonly w: number; readonly h: number } {
  if (!gridPos) throw new DashboardError(`${title} has no size`);
  return { w: gridPos.w, h: gridPos.h };
}

function builderOf(panel: Panel): Builder<Panel> {
  return { build: () => panel };
}

/** The text of a dashboard's file. */
export function formatDashboard(dashboard: Dashboard): string {
  return `${JSON.stringify(dashboard, undefined, 2)}\n`;
}
