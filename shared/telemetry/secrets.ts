/** Fields that are written nowhere, whatever stands in them; of a `code` its `text`: other codes are those of errors. */
const SECRETS: ReadonlySet<string> = new Set(['authorization', 'creds', 'qr', 'token']);
const SECRET_OF_CODE = 'text';
const CENSORED = '[Redacted]';
/** What a line holds lies no deeper; whatever does is not looked into. */
const MAX_DEPTH = 3;

type Fields = Readonly<Record<string, unknown>>;

/**
 * The fields of a log line with its secrets censored, on its first three levels. Nearly all lines have none and are given
 * back as they are: pino's own `redact` with wildcards takes each field of each line apart, a third of the garbage that a
 * publish makes.
 */
export function censorSecrets<F extends Fields>(fields: F, depth = 1): F {
  let censored: Record<string, unknown> | undefined;
  for (const name in fields) {
    const value: unknown = fields[name];
    const shown = SECRETS.has(name) ? CENSORED : censorValue(name, value, depth);
    if (shown !== value) (censored ??= { ...fields })[name] = shown;
  }
  return (censored as F | undefined) ?? fields;
}

function censorValue(name: string, value: unknown, depth: number): unknown {
  // An error is written by a serializer of its own.
  if (depth === MAX_DEPTH || typeof value !== 'object' || value === null || value instanceof Error) return value;
  if (Array.isArray(value)) return censorList(value, depth);
  const shown = censorSecrets(value as Fields, depth + 1);
  return name === 'code' && SECRET_OF_CODE in shown ? { ...shown, [SECRET_OF_CODE]: CENSORED } : shown;
}

function censorList(list: readonly unknown[], depth: number): readonly unknown[] {
  const shown = list.map((value) => censorValue('', value, depth));
  return shown.some((value, index) => value !== list[index]) ? shown : list;
}
