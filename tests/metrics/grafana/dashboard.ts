// SPDX-License-Identifier: MPL-2.0
// What the dashboards of packaging/grafana may contain, in terms of Grafana's own types. grafana.mjs makes a JSON schema of each exported
// type. Grafana fills in options and fields that are left out, so these are optional here. A new kind of panel needs a type here.
import type {
  Dashboard as AnyDashboard, DashboardLink, DataSourceRef, FieldConfig, FieldConfigSource, Panel, RowPanel
} from '@grafana/schema/dist/types/raw/dashboard/x/types.gen';
import type { Options as StatOptions } from '@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/types.gen';
import type { FieldConfig as TableFields, Options as TableOptions } from '@grafana/schema/dist/types/raw/composable/table/panelcfg/x/types.gen';
import type { FieldConfig as TimeSeriesFields, Options as TimeSeriesOptions } from '@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/types.gen';

type PartialDeep<T> = T extends (infer Element)[] ? PartialDeep<Element>[] : T extends object ? { [Key in keyof T]?: PartialDeep<T[Key]> } : T;

// A query of the data source "prometheus". Grafana's schema package does not describe it; its query editor writes these members.
interface PrometheusQuery {
  refId: string;
  expr: string;
  datasource: DataSourceRef;
  legendFormat?: string;
  format?: 'time_series' | 'table' | 'heatmap';
  instant?: boolean;
  range?: boolean;
  editorMode?: 'builder' | 'code';
}

type PanelOf<Type extends string, Options, Fields> = Omit<Panel, 'type' | 'options' | 'targets' | 'fieldConfig' | 'links'> & {
  type: Type;
  title: string;
  datasource: DataSourceRef;
  targets: PrometheusQuery[];
  options?: PartialDeep<Options>;
  fieldConfig?: Omit<FieldConfigSource, 'defaults'> & { defaults: Omit<FieldConfig, 'custom'> & { custom?: PartialDeep<Fields> } };
  links?: Partial<DashboardLink>[];
};

export type Dashboard = Omit<AnyDashboard, 'panels' | 'links'> & { links?: Partial<DashboardLink>[] };
export type stat = PanelOf<'stat', StatOptions, Record<string, never>>;
export type table = PanelOf<'table', TableOptions, TableFields>;
export type timeseries = PanelOf<'timeseries', TimeSeriesOptions, TimeSeriesFields>;
export type row = Omit<RowPanel, 'panels'>;
