import { readFileSync } from 'node:fs';
import { ROOT_CONTEXT, context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { Exemplar } from '../../shared/telemetry/duration-histogram.ts';
import { createLogger } from '../../shared/telemetry/logger.ts';

interface Datasource {
  readonly uid: string;
  readonly type: string;
  readonly jsonData: {
    readonly exemplarTraceIdDestinations?: readonly { readonly name: string; readonly datasourceUid: string }[];
    readonly tracesToLogsV2?: { readonly datasourceUid: string; readonly query: string };
    readonly derivedFields?: readonly {
      readonly matcherRegex: string;
      readonly url: string;
      readonly datasourceUid: string;
    }[];
  };
}

const FILE = new URL('../../grafana/provisioning/datasources/datasources.yml', import.meta.url);
const { datasources } = parse(readFileSync(FILE, 'utf8')) as { readonly datasources: readonly Datasource[] };
const of = (type: string) => datasources.find((each) => each.type === type);

describe('the datasources of Grafana lead', () => {
  const manager = new AsyncLocalStorageContextManager();
  beforeAll(() => void context.setGlobalContextManager(manager.enable()));
  afterAll(() => context.disable());

  const exemplar: Exemplar = { trace_id: 'a'.repeat(32), span_id: 'b'.repeat(16) };

  /** A line as a service writes it inside a span. */
  function lineOf(name: string): string {
    const lines: string[] = [];
    const logger = createLogger({ name, level: 'info', destination: { write: (line) => void lines.push(line) } });
    const span = { traceId: exemplar.trace_id, spanId: exemplar.span_id, traceFlags: 1 };
    context.with(trace.setSpanContext(ROOT_CONTEXT, span), () => logger.info({ 'company.id': 'company_1' }, 'said'));
    return lines[0] ?? '';
  }

  test('from an exemplar to its trace', () => {
    const [destination] = of('prometheus')?.jsonData.exemplarTraceIdDestinations ?? [];
    expect(exemplar).toHaveProperty(destination?.name ?? '');
    expect(destination?.datasourceUid).toBe(of('tempo')?.uid);
  });

  test('from a trace to the lines of all services that know it', () => {
    const { datasourceUid, query = '' } = of('tempo')?.jsonData.tracesToLogsV2 ?? {};
    expect(datasourceUid).toBe(of('loki')?.uid);
    // A single dollar would be a variable of the environment while Grafana reads the file.
    const [, services = '', key = ''] =
      /^\{service_name=~"([\w|]+)"\} \| json \| (\w+)="\$\$\{__span\.traceId\}"$/.exec(query) ?? [];
    expect(services.split('|').toSorted((a, b) => a.localeCompare(b))).toEqual(['canary', 'socket', 'whatsapp']);
    expect(JSON.parse(lineOf('socket'))).toHaveProperty(key, exemplar.trace_id);
  });

  test('from a line to its trace', () => {
    const [field] = of('loki')?.jsonData.derivedFields ?? [];
    const found = new RegExp(field?.matcherRegex ?? '').exec(lineOf('socket'));
    expect(found?.[1]).toBe(exemplar.trace_id);
    expect(field).toMatchObject({ url: '$${__value.raw}', datasourceUid: of('tempo')?.uid });
  });
});
