/** One environment variable: the row of `--help`, of the README's table, and the key of the raw environment. */
export interface Variable<Name extends string = string> {
  readonly name: Name;
  readonly help: string;
  /** The default as shown to people; the effective one is in the service's `toConfig`. */
  readonly fallback?: string;
  /** Secrets never appear in `--help` output, faults or logs with their value. */
  readonly secret?: boolean;
}

/** The raw environment of a service: every variable it knows, unset or empty ones as `undefined`, no defaults. */
export type RawEnv<Name extends string> = { readonly [K in Name]: string | undefined };

/** Reads exactly the listed variables. The only place in `services` and `shared` that touches the process environment. */
export function readEnv<Name extends string>(
  variables: readonly Variable<Name>[],
  env: Readonly<Record<string, string | undefined>> = process.env,
): RawEnv<Name> {
  const entries = variables.map(({ name }) => [name, env[name] === '' ? undefined : env[name]] as const);
  return Object.fromEntries(entries) as RawEnv<Name>;
}

/** The text of `--help`: one line a variable with its default. */
export function formatVariables(variables: readonly Variable[]): string {
  const width = Math.max(...variables.map(({ name }) => name.length));
  return variables
    .map(({ name, help, fallback }) => `  ${name.padEnd(width)}  ${help}${fallback ? ` (default ${fallback})` : ''}`)
    .join('\n');
}
