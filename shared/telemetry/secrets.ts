import pino from 'pino';

/** Fields that are written nowhere, whatever stands in them. */
const SECRETS = ['creds', 'qr', 'token'] as const;
const CENSORED = '[Redacted]';

type Fields = Readonly<Record<string, unknown>>;

/**
 * What of pino hides secrets: its `redact` for the fields of a line, a formatter for the objects among them, and the serializer
 * of errors. `redact` could do the second with wildcards, but then takes each field of each line apart, found or not: 11 KB
 * of garbage a line.
 */
export const hidingSecrets = {
  redact: { paths: [...SECRETS, 'headers.authorization', 'code.text'], censor: CENSORED },
  formatters: { log: (fields: Record<string, unknown>) => censorObjects(fields) },
  serializers: { err: (error: Error) => censor(pino.stdSerializers.err(error)) },
};

/** The line without secrets in the objects that it holds; nothing is copied when there are none. */
function censorObjects(fields: Record<string, unknown>): Record<string, unknown> {
  let censored: Record<string, unknown> | undefined;
  for (const name in fields) {
    const value = fields[name];
    if (!isPlain(value)) continue;
    const shown = censor(value);
    if (shown !== value) (censored ??= { ...fields })[name] = shown;
  }
  return censored ?? fields;
}

/** Whatever says itself how it is written, is left to that. */
function isPlain(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !(value instanceof Error) && !('toJSON' in value);
}

function censor<F extends object>(fields: F): F {
  const found = SECRETS.filter((name) => Object.hasOwn(fields, name));
  return found.length === 0 ? fields : { ...fields, ...Object.fromEntries(found.map((name) => [name, CENSORED])) };
}
