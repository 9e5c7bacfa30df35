import { headers, Match, type Msg, type MsgHdrs } from 'nats';

/**
 * The headers of a message, or `undefined` when it has none or they are malformed. The client library decodes them on
 * first use and throws on a name that HTTP would not allow, which the server lets anybody publish.
 */
export function headersOf(message: Msg): MsgHdrs | undefined {
  try {
    return message.headers;
  } catch {
    return undefined;
  }
}

/** One header without regard to case; `undefined` when absent. */
export function readHeader(from: MsgHdrs | undefined, name: string): string | undefined {
  if (!from) return undefined;
  return from.get(name) || from.get(name, Match.IgnoreCase) || undefined;
}

/** @throws when a name or a value cannot stand in a header, such as a value with a line break. */
export function toHeaders(record: Readonly<Record<string, string>>): MsgHdrs {
  const result = headers();
  for (const [name, value] of Object.entries(record)) {
    if (name === '') throw new TypeError('a header without a name');
    result.set(name, value);
  }
  return result;
}

/**
 * Reads a header block as it is stored, where `MsgHdrs` would throw: malformed lines are passed over, the first of
 * equal names wins.
 */
export function parseHeaderBlock(block: string): (name: string) => string | undefined {
  const values = new Map<string, string>();
  for (const line of block.split('\r\n').slice(1)) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    if (colon > 0 && !values.has(name)) values.set(name, line.slice(colon + 1).trim());
  }
  return (name) => values.get(name.toLowerCase()) || undefined;
}
