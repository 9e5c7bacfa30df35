import { parser } from '@prometheus-io/lezer-promql';
import { EVERYTHING } from '../../grafana/substitute.ts';

/** What a variable or macro of Grafana stands for in a test, whose scrapes are a second apart. */
export const SUBSTITUTES: Readonly<Record<string, string>> = {
  ...EVERYTHING,
  __rate_interval: '30s',
  __range: '10m',
};

/** A vector selector as it stands in a query. */
export interface Selector {
  readonly name: string;
  /** The selector without range and offset. */
  readonly text: string;
  readonly labels: readonly string[];
  /** Functions and aggregations around it, innermost first. */
  readonly within: readonly string[];
}

/** The parts of a query that are not PromQL; none when it is. */
export function syntaxErrors(expr: string): readonly string[] {
  const errors: string[] = [];
  parser.parse(expr).iterate({
    enter: ({ type, from, to }) => {
      if (type.isError) errors.push(`at ${from}: ${expr.slice(Math.max(0, from - 20), to + 20)}`);
    },
  });
  return errors;
}

/** Every selector of a query, in the order of the text. */
export function selectors(expr: string): readonly Selector[] {
  const found: Selector[] = [];
  parser.parse(expr).iterate({
    enter: ({ type, node, from, to }) => {
      if (type.name !== 'VectorSelector') return;
      const identifier = node.getChild('Identifier');
      const labels: string[] = [];
      node.cursor().iterate(({ name, from: start, to: end }) => {
        if (name === 'LabelName') labels.push(expr.slice(start, end));
      });
      found.push({
        name: identifier ? expr.slice(identifier.from, identifier.to) : '',
        text: expr.slice(from, to),
        labels,
        within: callsAround(node, expr),
      });
    },
  });
  return found;
}

type SyntaxNode = ReturnType<typeof parser.parse>['topNode'];

function callsAround(node: SyntaxNode, expr: string): readonly string[] {
  const calls: string[] = [];
  for (let parent = node.parent; parent; parent = parent.parent) {
    if (parent.name === 'FunctionCall' || parent.name === 'AggregateExpr') {
      const { firstChild } = parent;
      if (firstChild) calls.push(expr.slice(firstChild.from, firstChild.to));
    }
  }
  return calls;
}

/** Ranges in square brackets, as they are written. */
export function ranges(expr: string): readonly string[] {
  return [...expr.matchAll(/\[([^\]:]+)(?::[^\]]*)?\]/g)].map((match) => match[1] ?? '');
}
