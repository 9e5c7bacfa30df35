import type { Query } from './queries.ts';

/** Dashboards, by the uid under which Grafana knows them. */
export const DASHBOARDS = {
  connect: 'broker-connect',
  nats: 'broker-nats',
  sessions: 'broker-sessions',
  socket: 'broker-socket',
  objectives: 'broker-objectives',
  canary: 'broker-canary',
  load: 'broker-load',
  telemetry: 'broker-telemetry',
  runbooks: 'broker-runbooks',
} as const;
export type DashboardName = keyof typeof DASHBOARDS;

/** Where to look next: a panel by its title, or a whole dashboard. A title that does not exist stops the build. */
export interface PanelLink {
  readonly dashboard: DashboardName;
  readonly panel?: string;
}

/** A colour from a value on; the first has no value. */
export interface Step {
  readonly from?: number;
  readonly color: 'green' | 'yellow' | 'orange' | 'red' | 'blue' | 'text';
}

/** Units of Grafana that are used here. */
export type Unit =
  | 's'
  | 'percentunit'
  | 'short'
  | 'bytes'
  | 'reqps'
  | 'ops'
  | 'none'
  | 'bool_on_off'
  | 'Bps'
  | 'percent'
  | 'binBps';

interface Common {
  readonly title: string;
  /** What it shows, and what to do when it looks bad. */
  readonly description: string;
  /** Of 24 columns. */
  readonly width: number;
  readonly height?: number;
  readonly links?: readonly PanelLink[];
}

interface Measured extends Common {
  readonly unit: Unit;
  readonly queries: readonly Query[];
  readonly steps?: readonly Step[];
}

export interface TimeseriesPanel extends Measured {
  readonly kind: 'timeseries';
  readonly stacked?: boolean;
  /** The steps are lines across the panel. */
  readonly showSteps?: boolean;
  readonly max?: number;
}

export interface StatPanel extends Measured {
  readonly kind: 'stat';
  readonly decimals?: number;
}

export interface HeatmapPanel extends Measured {
  readonly kind: 'heatmap';
}

export interface TablePanel extends Measured {
  readonly kind: 'table';
}

/** Log lines by LogQL. */
export interface LogsPanel extends Common {
  readonly kind: 'logs';
  readonly logql: string;
}

/** Traces by TraceQL. */
export interface TracesPanel extends Common {
  readonly kind: 'traces';
  readonly traceql: string;
}

export interface TextPanel extends Common {
  readonly kind: 'text';
  readonly markdown: string;
}

export type PanelSpec = TimeseriesPanel | StatPanel | HeatmapPanel | TablePanel | LogsPanel | TracesPanel | TextPanel;

/** A row with a heading that says which question its panels answer. */
export interface Section {
  readonly title: string;
  readonly panels: readonly PanelSpec[];
}

export interface DashboardSpec {
  readonly name: DashboardName;
  readonly title: string;
  readonly description: string;
  readonly sections: readonly Section[];
  /** The part of the events that is shown first. */
  readonly synthetic?: 'true' | 'false';
  readonly from?: string;
}

type Without<Spec> = Omit<Spec, 'kind'>;
export const timeseries = (spec: Without<TimeseriesPanel>): PanelSpec => ({ kind: 'timeseries', ...spec });
export const stat = (spec: Without<StatPanel>): PanelSpec => ({ kind: 'stat', ...spec });
export const heatmap = (spec: Without<HeatmapPanel>): PanelSpec => ({ kind: 'heatmap', ...spec });
export const table = (spec: Without<TablePanel>): PanelSpec => ({ kind: 'table', ...spec });
export const logs = (spec: Without<LogsPanel>): PanelSpec => ({ kind: 'logs', ...spec });
export const traces = (spec: Without<TracesPanel>): PanelSpec => ({ kind: 'traces', ...spec });
export const text = (spec: Without<TextPanel>): PanelSpec => ({ kind: 'text', ...spec });
