import type { ViewName } from './onboarding-view.ts';

/** Colour of a state: the same four everywhere on the page. */
export type Tone = 'progress' | 'success' | 'warning' | 'error';

/** What fills the square where the QR stands. */
export type Icon = 'qr' | 'spinner' | 'check' | 'phone' | 'clock' | 'unlink' | 'alert' | 'link';

export interface StateLook {
  readonly tone: Tone;
  readonly icon: Icon;
  /** The three steps stay on the page from the first spinner to the scan, so that nothing jumps when the QR comes. */
  readonly hasSteps: boolean;
}

const waiting: StateLook = { tone: 'progress', icon: 'spinner', hasSteps: false };

export const STATE_LOOKS: Readonly<Record<ViewName, StateLook>> = {
  connecting: waiting,
  reconnecting: { ...waiting, tone: 'warning' },
  starting: { ...waiting, hasSteps: true },
  resuming: waiting,
  qr: { tone: 'progress', icon: 'qr', hasSteps: true },
  'qr-refreshing': { ...waiting, hasSteps: true },
  'qr-expired': { tone: 'warning', icon: 'clock', hasSteps: false },
  linked: { tone: 'progress', icon: 'phone', hasSteps: false },
  connected: { tone: 'success', icon: 'check', hasSteps: false },
  disconnected: { tone: 'warning', icon: 'unlink', hasSteps: false },
  'logged-out': { tone: 'error', icon: 'unlink', hasSteps: false },
  replaced: { tone: 'warning', icon: 'alert', hasSteps: false },
  'client-outdated': { tone: 'warning', icon: 'clock', hasSteps: false },
  'passkey-required': { tone: 'warning', icon: 'alert', hasSteps: false },
  failed: { tone: 'error', icon: 'alert', hasSteps: false },
  'no-token': { tone: 'warning', icon: 'link', hasSteps: false },
  'link-expired': { tone: 'warning', icon: 'link', hasSteps: false },
  'link-invalid': { tone: 'error', icon: 'link', hasSteps: false },
};
