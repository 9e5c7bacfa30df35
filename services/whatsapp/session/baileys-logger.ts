import type { UserFacingSocketConfig } from '@whiskeysockets/baileys';
import type { Logger } from '../../../shared/telemetry/logger.ts';

type BaileysLogger = NonNullable<UserFacingSocketConfig['logger']>;

/** Numbers that may be a phone or a LID, and runs that may be a key, a QR or a code. */
const IDENTIFIERS = /[0-9]{5,}|[A-Za-z0-9+/_=-]{20,}/g;
const MAX_LENGTH = 300;

/** Every end of a stream; the session itself tells why it closed. */
const ROUTINE = 'stream errored out';

/**
 * The logger given to Baileys. Its objects hold whole nodes, keys, QRs and JIDs, so they are dropped; of a message and
 * of an error's message everything that looks like an identifier or a key is replaced. Below `warn` nothing passes, and
 * the rest is one level lower than Baileys has it.
 */
export function quietLogger(logger: Logger): BaileysLogger {
  const write = (level: 'warn' | 'debug') => (first: unknown, message?: string) => {
    const text = message ?? (typeof first === 'string' ? first : '');
    logger[text === ROUTINE ? 'debug' : level]({ detail: detailOf(first) }, `baileys: ${scrub(text)}`);
  };
  const quiet: BaileysLogger = {
    // Baileys compares it: at trace and debug it would render whole nodes.
    level: 'warn',
    child: () => quiet,
    trace: drop,
    debug: drop,
    info: drop,
    warn: write('debug'),
    error: write('warn'),
  };
  return quiet;
}

/** What is known to be harmless in the objects that Baileys logs: the message of the error in them. */
function detailOf(first: unknown): string | undefined {
  if (first instanceof Error) return scrub(first.message);
  if (typeof first !== 'object' || first === null) return undefined;
  const found = Object.values(first).find((value) => value instanceof Error);
  return found instanceof Error ? scrub(found.message) : undefined;
}

function scrub(text: string): string {
  return text.slice(0, MAX_LENGTH).replace(IDENTIFIERS, '#');
}

function drop(): void {}
