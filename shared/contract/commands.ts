import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { COMPANY_ID_PATTERN } from './company-id.ts';
import type { SessionEvent } from './events.ts';

/** What a gateway or an operator may ask of a session's owner. */
export const COMMAND_NAMES = ['start', 'request-qr', 'status', 'logout'] as const;
export type CommandName = (typeof COMMAND_NAMES)[number];

const Command = Type.Object({
  /** Unique per request, for the logs of both sides. */
  id: Type.String({ minLength: 1, maxLength: 64 }),
  companyId: Type.String({ pattern: COMPANY_ID_PATTERN }),
  name: Type.Unsafe<CommandName>(Type.Union(COMMAND_NAMES.map((name) => Type.Literal(name)))),
  /** ms since the epoch; a command that arrives later is refused, because nobody waits for its answer any more. */
  deadline: Type.Integer({ minimum: 0 }),
});

export type Command = Static<typeof Command>;

/** Stable codes of refused commands. */
export const COMMAND_ERROR_CODES = [
  /** The body is not a command. */
  'BAD_COMMAND',
  /** The deadline had passed when the command arrived. */
  'DEADLINE_PASSED',
  /** The company id is reserved for the canary or for load tests. */
  'RESERVED_ID',
  /** Another replica owns the session. */
  'NOT_OWNER',
  /** The receiver handles as many commands at once as it may. */
  'BUSY',
  /** The replica holds as many sessions as it may. */
  'SESSION_LIMIT',
  /** The stored credentials cannot be decrypted or parsed. */
  'CREDENTIALS_UNREADABLE',
  /** The owner failed to do it; its log says why. */
  'INTERNAL',
] as const;
export type CommandErrorCode = (typeof COMMAND_ERROR_CODES)[number];

/** The answer to every command: the session's snapshot, or a refusal. `event` is absent when the company has no session. */
export type CommandReply =
  | { readonly ok: true; readonly event?: SessionEvent }
  | { readonly ok: false; readonly error: { readonly code: CommandErrorCode; readonly message: string } };

const validator = Compile(Command);

/** Parses a command body; `undefined` when it is none. */
export function parseCommand(body: Uint8Array): Command | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body));
    return validator.Check(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
