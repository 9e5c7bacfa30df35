import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CLOSE_REASONS } from '../../services/whatsapp/session/close-reason.ts';
import { METRICS } from '../../shared/contract/metrics.ts';
import { CONFIGURATION_ROWS, SCENARIO_ROWS } from '../harness/readme-rows.ts';

const root = join(import.meta.dirname, '../..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };

/** The rows of the first table behind a heading, without its head. */
function tableBehind(heading: string): string[] {
  const [, section = ''] = readme.split(new RegExp(`^#+ ${heading}$`, 'm'));
  const lines = section.split('\n');
  const start = lines.findIndex((line) => line.startsWith('| ---'));
  const rows = start < 0 ? [] : lines.slice(start + 1);
  const end = rows.findIndex((line) => !line.startsWith('|'));
  // The formatter pads cells.
  return rows.slice(0, end).map((row) => row.replaceAll(/ +/g, ' '));
}

describe('the README', () => {
  test.each(Object.keys(CONFIGURATION_ROWS))('lists the variables of: %s', (heading) => {
    const rows = CONFIGURATION_ROWS[heading] ?? [];
    expect(tableBehind(heading)).toEqual(rows.map((row) => row.replaceAll(/ +/g, ' ')));
  });

  test('lists the scenarios of the simulator', () => {
    expect(tableBehind('The simulated WhatsApp')).toEqual(SCENARIO_ROWS.map((row) => row.replaceAll(/ +/g, ' ')));
  });

  test('names no command that does not exist', () => {
    const named = [...readme.matchAll(/npm run (?:--silent )?([a-z:-]+)/g)].map(([, script]) => script ?? '');
    expect(named.filter((script) => !(script in scripts))).toEqual([]);
    expect(named.length).toBeGreaterThan(0);
  });

  test('names no metric that does not exist', () => {
    const named = [...readme.matchAll(/`([a-z]+_[a-z_]+_(?:total|seconds|ratio|depth))`/g)].map(
      ([, name]) => name ?? '',
    );
    expect(named.filter((name) => !(name in METRICS))).toEqual([]);
    expect(named.length).toBeGreaterThan(0);
  });

  test('tells of every reason for which a session can close, and of no other', () => {
    const named = tableBehind('A session and its endings').flatMap(
      (row) => row.split('|')[1]?.match(/`[a-z-]+`/g) ?? [],
    );
    expect(named.map((reason) => reason.slice(1, -1)).toSorted()).toEqual(CLOSE_REASONS.toSorted());
  });

  test('links to files that exist', () => {
    const links = [...readme.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, path]) => path ?? '');
    expect(links.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });
});
