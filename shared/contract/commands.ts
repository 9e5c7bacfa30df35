import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import type { CommandErrorCode } from './command-errors.ts';
import { COMPANY_ID_PATTERN } from './company-id.ts';
import type { SessionEvent } from './events.ts';

/** What a gateway or an operator may ask of a session's owner. */
export const COMMAND_NAMES = [
  /** Start the session, or find it. */
  'start',
  /** A person wants a new QR. */
  'request-qr',
  /** A person wants to type a code on the phone with `phoneNumber` instead. The code follows as an event. */
  'request-pairing-code',
  'status',
  /** Somebody has the page open: a session that rests unlinked is kept. Starts nothing. */
  'watch',
  'logout',
] as const;
export type CommandName = (typeof COMMAND_NAMES)[number];

const Command = Type.Object({
  /** Unique per request, for the logs of both sides. */
  id: Type.String({ minLength: 1, maxLength: 64 }),
  companyId: Type.String({ pattern: COMPANY_ID_PATTERN }),
  name: Type.Unsafe<CommandName>(Type.Union(COMMAND_NAMES.map((name) => Type.Literal(name)))),
  /** ms since the epoch; a command that arrives later is refused, because nobody waits for its answer any more. */
  deadline: Type.Integer({ minimum: 0 }),
  /** Of `request-pairing-code`, which refuses what is no phone number with a code of its own. */
  phoneNumber: Type.Optional(Type.String({ maxLength: 64 })),
});

export type Command = Static<typeof Command>;

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
