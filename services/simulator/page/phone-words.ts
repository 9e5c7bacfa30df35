import type { DeviceView, PhoneView } from '../people/phone-desk.ts';
import type { MessageView } from '../post/chats.ts';
import type { SelectionView } from '../scenario-desk.ts';
import type { Screen } from '../screens.ts';

/** What went wrong and what to do, by the stable codes of the control API. */
const REFUSALS: Readonly<Record<string, string>> = {
  QR_INVALID: 'This is not a QR code that links a device.',
  NO_QR: 'No QR code can be read in this picture.',
  QR_UNKNOWN: 'Nobody shows this QR code to this simulator. Was it made for another system, or before a restart?',
  QR_EXPIRED: 'This QR code has expired. Scan the one that the page shows now.',
  QR_USED: 'This QR code was scanned already. Scan the one that the page shows now.',
  QR_MISMATCH: 'The keys in this QR code are not those of the device that asked for it.',
  CODE_INVALID: 'A code has 8 letters and digits. Look at the page once more.',
  CODE_NOT_REQUESTED: 'No device waits for a code of this phone. Was it made for another number?',
  CODE_EXPIRED: 'This code is no longer valid. Ask the page for a new one.',
  CODE_WRONG: 'This is not the code that the page shows. Check it and try again.',
  PASSKEY_REQUIRED: 'WhatsApp wants a passkey for this account. Continue on the other device.',
  LINK_REFUSED: 'The device refused to link to this phone.',
  LINK_TIMEOUT: 'The device did not answer in time. Try again.',
  DEVICE_OFFLINE: 'The device has no connection at the moment.',
  DEVICE_UNKNOWN: 'The device is no longer on the list.',
  PHONE_EXISTS: 'There is a phone with this number already.',
  UNREACHABLE: 'The simulator does not answer. Is it running?',
};

/** A sentence for a refused request; the message of the simulator where the code is not known here. */
export function explain({ code, message }: { readonly code: string; readonly message: string }): string {
  return Object.hasOwn(REFUSALS, code) ? (REFUSALS[code] ?? message) : `${message} (${code})`;
}

/** Up to two letters for the round picture of a person. */
export function initials(name: string): string {
  const words = name.split(/\s+/).filter((word) => word !== '');
  const letters = words.length > 1 ? [words[0], words.at(-1)] : words;
  return letters.map((word) => word?.charAt(0).toUpperCase()).join('');
}

/** The phone to show: the one in hand while it exists, else the first. */
export function pickPhone(phones: readonly PhoneView[], id: string | undefined): PhoneView | undefined {
  return phones.find((phone) => phone.id === id) ?? phones[0];
}

export function describePhone({ name, phoneNumber }: PhoneView): string {
  return `${name} · +${phoneNumber}`;
}

export function describeScreen(
  { companyId, code, expiresAt }: Screen,
  nowMs: number,
): { title: string; detail: string } {
  const seconds = Math.max(0, Math.ceil((expiresAt - nowMs) / 1000));
  const shows = code ? `code ${formatCode(code.text)} for +${code.phoneNumber}` : companyId;
  return { title: `Salon ${companyId.replace(/^company_/, '')}`, detail: `${shows} · ${seconds} s left` };
}

/** As WhatsApp shows it: two halves. */
export function formatCode(code: string): string {
  return `${code.slice(0, 4)}-${code.slice(4)}`;
}

/** What the phone's owner is asked for, if a device waits for a code. */
export function describeCodeRequest({ codeRequest }: PhoneView, nowMs: number): string {
  if (!codeRequest) return 'No device waits for a code of this phone.';
  const seconds = Math.max(0, Math.ceil((codeRequest.expiresAt - nowMs) / 1000));
  return `${codeRequest.platform} wants to be linked. Type the code that it shows, within ${seconds} s.`;
}

export function describeMessage(
  message: MessageView,
  phones: readonly PhoneView[],
  format: Intl.DateTimeFormat,
): { title: string; detail: string } {
  const peer = phones.find(({ id }) => id === message.peer)?.name ?? `+${message.peer}`;
  const direction = message.direction === 'in' ? 'from' : 'to';
  const status = message.status === undefined ? '' : ` · ${message.status}`;
  const title = 'text' in message ? message.text : message.reaction.emoji || '(reaction taken back)';
  return { title, detail: `${direction} ${peer} · ${format.format(message.at)}${status}` };
}

export function describeSelection({ name, params }: SelectionView): string {
  const knobs = Object.entries(params).map(([key, value]) => `${key} ${value}`);
  return [name, ...knobs].join(' · ');
}

export function describeScope({ scope, left }: SelectionView): string {
  const whose = 'company' in scope ? scope.company : 'phone' in scope ? `+${scope.phone}` : 'everybody';
  return left === undefined ? `for ${whose}` : `for ${whose} · ${left} more`;
}

export function describeDevice(device: DeviceView, format: Intl.DateTimeFormat): { title: string; detail: string } {
  const since = format.format(device.linkedAt);
  return {
    title: device.platform === '' ? 'Companion device' : device.platform,
    detail: `${device.online ? 'Online' : 'Offline'} · device ${device.device} · since ${since}`,
  };
}
