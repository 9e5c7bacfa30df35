import { stringify } from 'yaml';
import { ALERT_GROUPS } from './alerts.ts';
import { OBJECTIVE_GROUPS } from './objective-rules.ts';
import type { AlertingRule, RecordingRule, RuleGroup } from './rule.ts';

/** Everything that Prometheus evaluates for this system. */
export const RULE_GROUPS: readonly RuleGroup[] = [...OBJECTIVE_GROUPS, ...ALERT_GROUPS];

export const ALERTING_RULES: readonly AlertingRule[] = RULE_GROUPS.flatMap(({ rules }) => rules).filter(
  (rule) => 'alert' in rule,
);

export const RECORDING_RULES: readonly RecordingRule[] = RULE_GROUPS.flatMap(({ rules }) => rules).filter(
  (rule) => 'record' in rule,
);

/** The text of a rule file. */
export function formatRules(groups: readonly RuleGroup[]): string {
  return stringify({ groups }, { lineWidth: 0 });
}

/**
 * The same rules for somebody who watches an alert fire: evaluated every second, waiting at most a second. Conditions
 * and thresholds are those of production.
 */
export function withoutWaiting(groups: readonly RuleGroup[]): readonly RuleGroup[] {
  return groups.map((group) => ({
    ...group,
    interval: '1s',
    rules: group.rules.map((rule) => ('for' in rule ? { ...rule, for: '1s' } : rule)),
  }));
}
