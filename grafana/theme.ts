import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  BigValueColorMode,
  BigValueGraphMode,
  GraphGradientMode,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  SortOrder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
} from '@grafana/grafana-foundation-sdk/common';
import * as common from '@grafana/grafana-foundation-sdk/common';
import {
  DashboardLinkBuilder,
  DashboardLinkType,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type DashboardLink,
  type Panel,
} from '@grafana/grafana-foundation-sdk/dashboard';
import * as heatmap from '@grafana/grafana-foundation-sdk/heatmap';
import * as logs from '@grafana/grafana-foundation-sdk/logs';
import * as loki from '@grafana/grafana-foundation-sdk/loki';
import * as prometheus from '@grafana/grafana-foundation-sdk/prometheus';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as table from '@grafana/grafana-foundation-sdk/table';
import * as tempo from '@grafana/grafana-foundation-sdk/tempo';
import * as text from '@grafana/grafana-foundation-sdk/text';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';
import type {
  HeatmapPanel,
  LogsPanel,
  PanelSpec,
  StatPanel,
  Step,
  TablePanel,
  TextPanel,
  TimeseriesPanel,
  TracesPanel,
} from './panel.ts';
import type { Query } from './queries.ts';
import { LOKI, PROMETHEUS, TEMPO } from './variables.ts';

const HEIGHT = { stat: 4, timeseries: 8, heatmap: 8, table: 7, logs: 10, traces: 10, text: 5 } as const;

const REF_IDS = 'ABCDEFGH';

/** One look for each kind of panel. Position, id and links are the layout's. */
export function toPanel(spec: PanelSpec): Panel {
  const panel = toBuilder(spec).build();
  return { ...panel, gridPos: { x: 0, y: 0, w: spec.width, h: spec.height ?? HEIGHT[spec.kind] } };
}

/** A link of a panel, with the time and the variables that are shown. */
export function toLink(title: string, path: string): Builder<DashboardLink> {
  return new DashboardLinkBuilder(title).type(DashboardLinkType.Link).url(path).keepTime(true).includeVars(true);
}

function toBuilder(spec: PanelSpec): Builder<Panel> {
  switch (spec.kind) {
    case 'timeseries':
      return timeseriesOf(spec);
    case 'stat':
      return statOf(spec);
    case 'heatmap':
      return heatmapOf(spec);
    case 'table':
      return tableOf(spec);
    case 'logs':
      return logsOf(spec);
    case 'traces':
      return tracesOf(spec);
    case 'text':
      return textOf(spec);
  }
}

function timeseriesOf(spec: TimeseriesPanel): timeseries.PanelBuilder {
  const panel = new timeseries.PanelBuilder()
    .title(spec.title)
    .description(spec.description)
    .datasource(PROMETHEUS)
    .targets(targets(spec.queries, prometheus.PromQueryFormat.TimeSeries))
    .unit(spec.unit)
    .min(0)
    .lineWidth(1)
    .fillOpacity(spec.stacked ? 40 : 10)
    .gradientMode(GraphGradientMode.Opacity)
    .showPoints(VisibilityMode.Never)
    .legend(
      new common.VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.Table)
        .placement(LegendPlacement.Bottom)
        .calcs(['lastNotNull', 'max'])
        .showLegend(true),
    )
    .tooltip(
      // A setter of the builder, not Array's.
      // oxlint-disable-next-line unicorn/no-array-sort
      new common.VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending),
    );
  if (spec.max !== undefined) panel.max(spec.max);
  if (spec.steps) panel.thresholds(thresholds(spec.steps));
  if (spec.stacked) panel.stacking(new common.StackingConfigBuilder().mode(StackingMode.Normal));
  if (spec.showSteps)
    panel.thresholdsStyle(new common.GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Dashed));
  return panel;
}

function statOf(spec: StatPanel): stat.PanelBuilder {
  const panel = new stat.PanelBuilder()
    .title(spec.title)
    .description(spec.description)
    .datasource(PROMETHEUS)
    .targets(targets(spec.queries, prometheus.PromQueryFormat.TimeSeries))
    .unit(spec.unit)
    .colorMode(BigValueColorMode.Background)
    .graphMode(BigValueGraphMode.Area)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .noValue('nothing yet');
  if (spec.decimals !== undefined) panel.decimals(spec.decimals);
  if (spec.steps) panel.thresholds(thresholds(spec.steps));
  return panel;
}

function heatmapOf(spec: HeatmapPanel): heatmap.PanelBuilder {
  return new heatmap.PanelBuilder()
    .title(spec.title)
    .description(spec.description)
    .datasource(PROMETHEUS)
    .targets(targets(spec.queries, prometheus.PromQueryFormat.Heatmap))
    .unit(spec.unit)
    .calculate(false)
    .color(
      new heatmap.HeatmapColorOptionsBuilder()
        .mode(heatmap.HeatmapColorMode.Scheme)
        .scheme('Turbo')
        .scale(heatmap.HeatmapColorScale.Exponential)
        .exponent(0.5)
        .steps(64),
    )
    .cellGap(1)
    .yAxis(new heatmap.YAxisConfigBuilder().unit(spec.unit))
    .tooltip(new heatmap.HeatmapTooltipBuilder().mode(TooltipDisplayMode.Single))
    .exemplarsColor('rgba(255,255,255,0.8)');
}

function tableOf(spec: TablePanel): table.PanelBuilder {
  const panel = new table.PanelBuilder()
    .title(spec.title)
    .description(spec.description)
    .datasource(PROMETHEUS)
    .targets(targets(spec.queries, prometheus.PromQueryFormat.Table))
    .unit(spec.unit)
    .withTransformation({ id: 'organize', options: { excludeByName: { Time: true, __name__: true } } })
    .noValue('nothing');
  if (spec.steps) panel.thresholds(thresholds(spec.steps));
  return panel;
}

function logsOf(spec: LogsPanel): logs.PanelBuilder {
  return new logs.PanelBuilder()
    .title(spec.title)
    .description(spec.description)
    .datasource(LOKI)
    .withTarget(new loki.DataqueryBuilder().refId('A').datasource(LOKI).expr(spec.logql).maxLines(500))
    .showTime(true)
    .wrapLogMessage(true)
    .prettifyLogMessage(true)
    .enableLogDetails(true);
}

function tracesOf(spec: TracesPanel): table.PanelBuilder {
  return new table.PanelBuilder()
    .title(spec.title)
    .description(spec.description)
    .datasource(TEMPO)
    .withTarget(
      new tempo.DataqueryBuilder().refId('A').datasource(TEMPO).queryType('traceql').query(spec.traceql).limit(50),
    );
}

function textOf(spec: TextPanel): text.PanelBuilder {
  return new text.PanelBuilder()
    .title(spec.title)
    .description(spec.description)
    .mode(text.TextMode.Markdown)
    .content(spec.markdown);
}

function targets(queries: readonly Query[], format: prometheus.PromQueryFormat): prometheus.DataqueryBuilder[] {
  return queries.map(({ expr, legend, exemplars = false, instant = false }, index) => {
    const target = new prometheus.DataqueryBuilder()
      .refId(REF_IDS.charAt(index))
      .datasource(PROMETHEUS)
      .expr(expr)
      .legendFormat(legend)
      .format(format)
      .exemplar(exemplars);
    return instant ? target.instant() : target.range();
  });
}

function thresholds(steps: readonly Step[]): ThresholdsConfigBuilder {
  return new ThresholdsConfigBuilder()
    .mode(ThresholdsMode.Absolute)
    .steps(steps.map(({ from, color }) => ({ value: from ?? null, color })));
}
