import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { findAmtool } from '../../deploy/local/programs.mjs';
import { ALERTING_RULES, formatRules, RECORDING_RULES, RULE_GROUPS } from '../../deploy/prometheus/rule-file.ts';
import { ALERT_CASES } from './alert-cases.ts';
import { faultsOf } from './known-series.ts';
import { syntaxErrors } from './promql.ts';
import { checkCase, checkHealthy, promtool, RULES_FILE } from './promtool.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const RUNBOOKS = read('deploy/prometheus/runbooks.md');
const ALERTMANAGER = 'deploy/prometheus/alertmanager.yml';
const headings = [...RUNBOOKS.matchAll(/^## (.+)$/gm)].map((match) => match[1] ?? '');
const alerts = [...new Set(ALERTING_RULES.map(({ alert }) => alert))];

describe('the rules', () => {
  test('as committed are what the sources build', () => {
    expect(readFileSync(RULES_FILE, 'utf8') === formatRules(RULE_GROUPS), 'old: npm run dashboards').toBe(true);
  });

  test('are taken by promtool, with the configuration that loads them', async () => {
    expect(await promtool('check', 'rules', RULES_FILE)).toContain('SUCCESS');
    const config = new URL('../../deploy/prometheus/prometheus.yml', import.meta.url).pathname;
    expect(await promtool('check', 'config', '--syntax-only', config)).toContain('SUCCESS');
  });

  test('name series and labels that exist, and read counters through rate or increase', () => {
    const all = [...ALERTING_RULES, ...RECORDING_RULES];
    expect(all.flatMap(({ expr }) => syntaxErrors(expr))).toEqual([]);
    expect(all.flatMap(({ expr }) => faultsOf(expr))).toEqual([]);
  });
});

describe('every alert', () => {
  test('says what is wrong and whom it hurts, and has a severity', () => {
    for (const { labels, annotations } of ALERTING_RULES) {
      expect(['critical', 'warning', 'none']).toContain(labels.severity);
      expect(annotations.summary.length).toBeGreaterThan(10);
      expect(annotations.description.length).toBeGreaterThan(60);
    }
  });

  test('leads to a runbook that exists, and every runbook belongs to an alert', () => {
    for (const { annotations } of ALERTING_RULES) {
      const [file = '', anchor] = annotations.runbook_url.split('#');
      expect(read(file)).toBe(RUNBOOKS);
      expect(headings.map((heading) => heading.toLowerCase())).toContain(anchor);
    }
    expect(headings.toSorted()).toEqual(alerts.toSorted());
  });

  test('has a case in which it fires and one in which it must not', () => {
    for (const { alert, labels } of ALERTING_RULES) {
      const own = ALERT_CASES.filter((each) => each.alert === alert && each.severity === labels.severity);
      expect(
        own.some(({ fires }) => fires),
        `${alert} never fires`,
      ).toBe(true);
      // Watchdog is the one that never stops.
      if (alert !== 'Watchdog')
        expect(
          own.some(({ fires }) => !fires),
          `${alert} is never quiet`,
        ).toBe(true);
    }
  });
});

describe('the runbooks', () => {
  test('say what an alert means, how to see it and what to do first', () => {
    const sections = RUNBOOKS.split(/^## /m).slice(1);
    for (const section of sections) {
      for (const part of ['**It means**', '**See it**', '**First actions**', '\n1. ']) expect(section).toContain(part);
    }
  });

  test('name only commands that exist and lead only to sections that exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const commands = [...RUNBOOKS.matchAll(/npm run (?:--silent )?([\w:-]+)/g)].map((match) => match[1] ?? '');
    expect(commands.filter((command) => !Object.hasOwn(scripts, command))).toEqual([]);
    const links = [...RUNBOOKS.matchAll(/\]\(#([^)]+)\)/g)].map((match) => match[1]);
    expect(links.filter((link) => !headings.some((heading) => heading.toLowerCase() === link))).toEqual([]);
  });
});

describe('Alertmanager', () => {
  const amtool = async (...args: readonly string[]) => {
    const path = findAmtool();
    if (path === undefined) throw new Error('amtool is not installed; run: node deploy/local/setup.mjs test');
    const file = new URL(`../../${ALERTMANAGER}`, import.meta.url).pathname;
    return (
      await promisify(execFile)(
        path,
        args.map((arg) => (arg === ALERTMANAGER ? file : arg)),
      )
    ).stdout;
  };

  test('takes its configuration', async () => {
    expect(await amtool('check-config', ALERTMANAGER)).toContain('SUCCESS');
  });

  test.each([
    ['critical', 'NatsDown', 'page'],
    ['warning', 'FeedRepairs', 'ticket'],
    ['none', 'Watchdog', 'dead-mans-switch'],
  ])('sends %s alerts such as %s to %s', async (severity, alert, receiver) => {
    const route = ['config', 'routes', 'test', '--config.file', ALERTMANAGER];
    expect((await amtool(...route, `alertname=${alert}`, `severity=${severity}`)).trim()).toBe(receiver);
  });

  test('inhibits alerts that exist by alerts that exist', () => {
    const { inhibit_rules: rules } = parse(read(ALERTMANAGER)) as {
      inhibit_rules: readonly Readonly<Record<'source_matchers' | 'target_matchers', readonly string[]>>[];
    };
    const named = rules
      .flatMap(({ source_matchers: sources, target_matchers: targets }) => [...sources, ...targets])
      .flatMap((matcher) => /^alertname =~? "(.+)"$/.exec(matcher)?.[1]?.split('|') ?? []);
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !alerts.includes(name))).toEqual([]);
  });
});

describe('on the series of the real services', () => {
  test.each(ALERT_CASES.map((each) => ({ ...each, outcome: each.fires ? 'fires' : 'is quiet' })))(
    '$alert ($severity) $outcome when $when',
    async (each) => {
      await checkCase(each);
    },
  );

  test('nothing but the watchdog fires when all is well', async () => {
    await checkHealthy();
  });
});
