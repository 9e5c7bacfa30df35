/** What variables and macros of Grafana stand for when everything is selected. */
export const EVERYTHING = { job: '.*', instance: '.*', event: '.*' } as const;

/** A query outside of Grafana: `$name` and `${name}` replaced. Throws for a name without a substitute. */
export function substitute(expr: string, substitutes: Readonly<Record<string, string>>): string {
  return expr.replaceAll(/\$\{?(\w+)(?::\w+)?\}?/g, (_all, name: string) => {
    const value = substitutes[name];
    if (value === undefined) throw new TypeError(`nothing is known about $${name} in ${expr}`);
    return value;
  });
}
