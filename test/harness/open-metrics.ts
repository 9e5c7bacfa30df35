/** One sample of a metric: its name as it stands in the line, its labels in their order, and its value. */
export interface Sample {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
  /** The trace that the measurement leads to. */
  readonly exemplarTraceId: string | undefined;
}

/** What `# TYPE` announces, with everything below it. */
export interface MetricFamily {
  /** Without `_total`: that belongs to the samples of a counter. */
  readonly name: string;
  readonly type: string;
  readonly samples: readonly Sample[];
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{([^}]*(?:\{[^}]*\}[^}]*)*)\})? (\S+)(?: # \{trace_id="([0-9a-f]{32})".*)?$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/**
 * Reads the OpenMetrics text of a scrape.
 * @throws when a line is none, or a sample stands below the wrong family.
 */
export function parseOpenMetrics(text: string): readonly MetricFamily[] {
  const families: { name: string; type: string; samples: Sample[] }[] = [];
  const lines = text.trimEnd().split('\n');
  if (lines.pop() !== '# EOF') throw new Error('the text does not end with # EOF');
  for (const line of lines) {
    if (line.startsWith('# HELP ')) continue;
    const [, name = '', type = ''] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    if (name !== '') {
      families.push({ name, type, samples: [] });
      continue;
    }
    const sample = toSample(line);
    const family = families.at(-1);
    if (!family || !sample.name.startsWith(family.name)) throw new Error(`a sample without its family: ${line}`);
    family.samples.push(sample);
  }
  return families;
}

function toSample(line: string): Sample {
  const [, name = '', labels = '', value = '', exemplarTraceId] = SAMPLE.exec(line) ?? [];
  if (name === '') throw new Error(`no sample: ${line}`);
  const pairs = [...labels.matchAll(LABEL)].map(([, key = '', text = '']) => [key, text] as const);
  return { name, labels: new Map(pairs), value: Number(value), exemplarTraceId };
}
