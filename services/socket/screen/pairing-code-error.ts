import type { CommandErrorCode } from '../../../shared/contract/command-errors.ts';
import type { ServerToClientEvents } from '../../../shared/contract/socket-events.ts';

/** Why there is no pairing code, as clients know it. */
type PairingCodeErrorCode = Extract<
  CommandErrorCode,
  'PHONE_REQUIRED' | 'INVALID_PHONE_FORMAT' | 'REQUEST_IN_PROGRESS' | 'PAIRING_CODE_FAILED' | 'BAILEYS_ERROR'
>;

/** Shown to salon owners by existing clients verbatim. */
const MESSAGES: Readonly<Record<PairingCodeErrorCode, string>> = {
  PHONE_REQUIRED: 'Укажите номер телефона.',
  INVALID_PHONE_FORMAT: 'Неверный номер телефона. Введите его вместе с кодом страны.',
  REQUEST_IN_PROGRESS: 'Код для этого номера уже запрашивается. Подождите несколько секунд.',
  PAIRING_CODE_FAILED: 'Не удалось получить код. Попробуйте ещё раз.',
  BAILEYS_ERROR: 'Ошибка WhatsApp при получении кода. Попробуйте ещё раз.',
};

/** What a client is told; a code that it cannot know, such as that of a timeout, is `PAIRING_CODE_FAILED`. */
export function toPairingCodeError(code: string): Parameters<ServerToClientEvents['pairing-code-error']>[0] {
  const known = Object.hasOwn(MESSAGES, code) ? (code as PairingCodeErrorCode) : 'PAIRING_CODE_FAILED';
  return { code: known, message: MESSAGES[known] };
}
