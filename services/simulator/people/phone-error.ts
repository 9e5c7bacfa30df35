/** Why a phone cannot do what was asked; the stable codes of the control API. */
export type PhoneErrorCode =
  | 'PHONE_INVALID'
  | 'PHONE_EXISTS'
  | 'PHONE_UNKNOWN'
  | 'DEVICE_UNKNOWN'
  | 'DEVICE_OFFLINE'
  | 'QR_INVALID'
  | 'QR_UNKNOWN'
  | 'QR_EXPIRED'
  | 'QR_USED'
  | 'QR_MISMATCH'
  | 'CODE_INVALID'
  | 'CODE_NOT_REQUESTED'
  | 'CODE_EXPIRED'
  | 'CODE_WRONG'
  | 'PASSKEY_REQUIRED'
  | 'MESSAGE_INVALID'
  | 'MESSAGE_UNKNOWN'
  | 'LINK_REFUSED'
  | 'LINK_TIMEOUT';

export class PhoneError extends Error {
  readonly code: PhoneErrorCode;

  constructor(code: PhoneErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PhoneError';
    this.code = code;
  }

  /** The same request may succeed later only after a time-out. */
  shouldRetry(): boolean {
    return this.code === 'LINK_TIMEOUT';
  }
}
