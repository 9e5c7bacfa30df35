import { PhoneError } from './phone-error.ts';

/** What a companion shows on its screen. */
export interface QrText {
  readonly ref: string;
  readonly noiseKey: Buffer;
  readonly identityKey: Buffer;
  readonly advSecret: Buffer;
}

const LINK_PREFIX = 'https://wa.me/settings/linked_devices#';
const REF_PATTERN = /^[A-Za-z0-9@+/=._-]{1,512}$/;
const KEY_PATTERN = /^[A-Za-z0-9+/]{43}=$/;

/**
 * Reads the text of a linking QR: `https://wa.me/settings/linked_devices#ref,noise,identity,secret,platform`, or the
 * bare list that older companions show, with or without the platform.
 * @throws PhoneError QR_INVALID, without repeating the text
 */
export function parseQrText(text: string): QrText {
  const trimmed = text.trim();
  const list = trimmed.startsWith(LINK_PREFIX) ? trimmed.slice(LINK_PREFIX.length) : trimmed;
  const fields = list.split(',');
  if (fields.length !== 4 && fields.length !== 5) throw new PhoneError('QR_INVALID', 'this is no linking QR');
  const [ref = '', noiseKey = '', identityKey = '', advSecret = ''] = fields;
  if (!REF_PATTERN.test(ref)) throw new PhoneError('QR_INVALID', 'the QR has no ref');
  if (![noiseKey, identityKey, advSecret].every((key) => KEY_PATTERN.test(key))) {
    throw new PhoneError('QR_INVALID', 'the QR holds a key that is not 32 bytes');
  }
  return { ref, noiseKey: base64(noiseKey), identityKey: base64(identityKey), advSecret: base64(advSecret) };
}

function base64(text: string): Buffer {
  return Buffer.from(text, 'base64');
}
