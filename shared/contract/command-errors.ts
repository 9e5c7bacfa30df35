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
  /** A pairing code was asked for without a phone number. */
  'PHONE_REQUIRED',
  /** What stands for the phone number is none. */
  'INVALID_PHONE_FORMAT',
  /** A pairing code for this phone number is being made already. */
  'REQUEST_IN_PROGRESS',
  /** WhatsApp did not give a pairing code, or nobody was there to ask it. */
  'PAIRING_CODE_FAILED',
  /** Making a pairing code failed inside the WhatsApp client. */
  'BAILEYS_ERROR',
  /** The owner failed to do it; its log says why. */
  'INTERNAL',
] as const;
export type CommandErrorCode = (typeof COMMAND_ERROR_CODES)[number];

const FINAL: ReadonlySet<string> = new Set<CommandErrorCode>([
  'BAD_COMMAND',
  'RESERVED_ID',
  'CREDENTIALS_UNREADABLE',
  'PHONE_REQUIRED',
  'INVALID_PHONE_FORMAT',
]);

/** Whether a refusal stays one however often the same command is repeated; unknown codes may pass. */
export function isFinalRefusal(code: string | undefined): boolean {
  return code !== undefined && FINAL.has(code);
}
