import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  AnnotationQueryBuilder,
  CustomVariableBuilder,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  TextBoxVariableBuilder,
  VariableRefresh,
  VariableSort,
  type AnnotationQuery,
  type DashboardLink,
  type VariableModel,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { foreignSeries, series } from '../shared/contract/series.ts';

export const PROMETHEUS = { type: 'prometheus', uid: '${datasource}' } as const;
export const TEMPO = { type: 'tempo', uid: '${tempo}' } as const;
export const LOKI = { type: 'loki', uid: '${loki}' } as const;

/** Shared by all dashboards, so that a link keeps what was chosen. */
export function variables(synthetic: 'true' | 'false'): Builder<VariableModel>[] {
  return [
    new DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'),
    new DatasourceVariableBuilder('tempo').label('Tempo').type('tempo'),
    new DatasourceVariableBuilder('loki').label('Loki').type('loki'),
    fromLabel('job', foreignSeries('up')).label('Service'),
    fromLabel('instance', foreignSeries('up', { job: /$job/ })).label('Instance'),
    fromLabel('event', series('socket_events_total', { job: /$job/ })).label('Event'),
    new CustomVariableBuilder('synthetic')
      .label('Synthetic')
      .description('false: customers. true: the canary and load tests.')
      .values('false,true')
      .current({ text: synthetic, value: synthetic, selected: true })
      .includeAll(true)
      .allValue('.*'),
    new TextBoxVariableBuilder('company')
      .label('Company')
      .description('A salon id or company_<salonId>; only the panels with traces and logs read it.')
      .defaultValue('.*'),
  ];
}

function fromLabel(label: string, selector: string): QueryVariableBuilder {
  return (
    new QueryVariableBuilder(label)
      .datasource(PROMETHEUS)
      .query({ query: `label_values(${selector}, ${label})`, refId: label })
      .definition(`label_values(${selector}, ${label})`)
      .refresh(VariableRefresh.OnTimeRangeChanged)
      .multi(true)
      .includeAll(true)
      .allValue('.*')
      .current({ text: 'All', value: '$__all', selected: true })
      // A setter of the builder, not Array's.
      // oxlint-disable-next-line unicorn/no-array-sort
      .sort(VariableSort.AlphabeticalAsc)
  );
}

/** Events a second from which on synthetic traffic is a load test: the canary publishes less than one. */
const LOAD_TEST_PER_SECOND = 5;

/** What else happened, drawn as lines across all panels. */
export function annotations(): Builder<AnnotationQuery>[] {
  return [
    annotation('Restarts', 'yellow', `${foreignSeries('process_start_time_seconds', { job: /$job/ })} * 1000`)
      .useValueForTime(true)
      .titleFormat('{{job}} started')
      .textFormat('{{instance}}'),
    annotation(
      'New version',
      'blue',
      `count by (service, version) (${series('service_build_info')}) unless count by (service, version) (${series('service_build_info')} offset 5m)`,
    ).titleFormat('{{service}} {{version}}'),
    annotation(
      'Critical alerts',
      'red',
      foreignSeries('ALERTS', { alertstate: 'firing', severity: 'critical' }),
    ).titleFormat('{{alertname}}'),
    annotation(
      'Load test',
      'purple',
      `sum(rate(${series('socket_events_total', { synthetic: 'true' })}[5m])) > ${LOAD_TEST_PER_SECOND}`,
    ).titleFormat('Load test'),
  ];
}

function annotation(name: string, color: string, expr: string): AnnotationQueryBuilder {
  return new AnnotationQueryBuilder()
    .name(name)
    .datasource(PROMETHEUS)
    .enable(true)
    .iconColor(color)
    .expr(expr)
    .step('60s');
}

/** The way to the other dashboards. */
export function dashboardMenu(): Builder<DashboardLink> {
  return new DashboardLinkBuilder('Broker')
    .type(DashboardLinkType.Dashboards)
    .tags(['whatsapp-broker'])
    .asDropdown(true)
    .includeVars(true)
    .keepTime(true);
}
