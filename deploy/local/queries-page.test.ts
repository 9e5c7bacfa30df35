import { expect, test } from 'vitest';
import { syntaxErrors } from '../../test/observability/promql.ts';
import { formatQueriesPage } from './queries-page.ts';

test('the page has a link for each panel that Prometheus can draw, and every query of it is PromQL', async () => {
  const page = await formatQueriesPage();
  const links = [...page.matchAll(/href="(\/graph[^"]*)"/g)].map((match) => (match[1] ?? '').replaceAll('&#38;', '&'));
  expect(links.length).toBeGreaterThan(15);
  const queries = links.flatMap((link) =>
    [...new URL(link, 'http://localhost').searchParams].flatMap(([name, value]) =>
      name.endsWith('.expr') ? [value] : [],
    ),
  );
  const broken = queries.filter((query) => syntaxErrors(query).length > 0 || query.includes('$'));
  expect(broken).toEqual([]);
});

test('graphs whose panels show exemplars show them too, and the page says where their traces are', async () => {
  const page = await formatQueriesPage('http://localhost:3006/');
  expect(page).toMatch(/connect_to_emit[^"]*show_exemplars=1/);
  expect(page).toContain('<a href="http://localhost:3006/">');
  expect(await formatQueriesPage()).not.toContain('trace_id');
});

test('the page holds nothing that Prometheus would take for a template', async () => {
  expect(await formatQueriesPage()).not.toContain('{{');
});
