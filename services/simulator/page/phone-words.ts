import type { DeviceView, PhoneView } from '../people/phone-desk.ts';
import type { Screen } from '../screens.ts';

/** What went wrong and what to do, by the stable codes of the control API. */
const REFUSALS: Readonly<Record<string, string>> = {
  QR_INVALID: 'This is not a QR code that links a device.',
  NO_QR: 'No QR code can be read in this picture.',
  QR_UNKNOWN: 'Nobody shows this QR code to this simulator. Was it made for another system, or before a restart?',
  QR_EXPIRED: 'This QR code has expired. Scan the one that the page shows now.',
  QR_USED: 'This QR code was scanned already. Scan the one that the page shows now.',
  QR_MISMATCH: 'The keys in this QR code are not those of the device that asked for it.',
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

export function describeScreen({ companyId, expiresAt }: Screen, nowMs: number): { title: string; detail: string } {
  const seconds = Math.max(0, Math.ceil((expiresAt - nowMs) / 1000));
  return { title: `Salon ${companyId.replace(/^company_/, '')}`, detail: `${companyId} · ${seconds} s left` };
}

export function describeDevice(device: DeviceView, format: Intl.DateTimeFormat): { title: string; detail: string } {
  const since = format.format(device.linkedAt);
  return {
    title: device.platform === '' ? 'Companion device' : device.platform,
    detail: `${device.online ? 'Online' : 'Offline'} · device ${device.device} · since ${since}`,
  };
}
