/** A rule as Prometheus reads it. `for` is a Prometheus duration. */
export interface RecordingRule {
  readonly record: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface AlertingRule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: Severity };
  readonly annotations: {
    readonly summary: string;
    readonly description: string;
    readonly runbook_url: string;
  };
}

export type Rule = RecordingRule | AlertingRule;

/** `critical` wakes somebody, `warning` waits for the morning, `none` is not for people. */
export type Severity = 'critical' | 'warning' | 'none';

export interface RuleGroup {
  readonly name: string;
  /** How often the rules are evaluated; Prometheus's own interval when absent. */
  readonly interval?: string;
  readonly rules: readonly Rule[];
}

/** Where the runbooks are, from the root of the repository. */
const RUNBOOKS = 'deploy/prometheus/runbooks.md';

export interface AlertSpec {
  readonly name: string;
  readonly severity: Severity;
  readonly expr: string;
  readonly for?: string;
  /** What is wrong, in a line. */
  readonly summary: string;
  /** Whom it hurts and where to look. */
  readonly description: string;
}

/** An alerting rule whose runbook is the section of its name. */
export function alert({ name, severity, expr, summary, description, ...rest }: AlertSpec): AlertingRule {
  return {
    alert: name,
    expr,
    ...(rest.for !== undefined && { for: rest.for }),
    labels: { severity },
    annotations: { summary, description, runbook_url: `${RUNBOOKS}#${name.toLowerCase()}` },
  };
}

/**
 * How much a counter grew within the window. A series that is younger than the window is taken as it stands: its first
 * sample may be its first event, which `increase` does not see.
 */
export function grown(selector: string, window: string): string {
  return `((${selector} unless ${selector} offset ${window}) or increase(${selector}[${window}]))`;
}
