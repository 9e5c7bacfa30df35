import type { ViewName } from './onboarding-view.ts';

/** Colour of a state: the same four everywhere on the page. */
type Tone = 'progress' | 'success' | 'warning' | 'error';

/** What fills the square where the QR stands. */
type Icon = 'qr' | 'code' | 'spinner' | 'check' | 'phone' | 'clock' | 'unlink' | 'alert' | 'link';

interface StateLook {
  readonly tone: Tone;
  readonly icon: Icon;
  /** The three steps stay on the page from the first spinner to the scan, so that nothing jumps when the QR comes. */
  readonly steps: 'qr' | 'code' | 'none';
}

const waiting: StateLook = { tone: 'progress', icon: 'spinner', steps: 'none' };

export const STATE_LOOKS: Readonly<Record<ViewName, StateLook>> = {
  connecting: waiting,
  reconnecting: { ...waiting, tone: 'warning' },
  starting: { ...waiting, steps: 'qr' },
  resuming: waiting,
  qr: { tone: 'progress', icon: 'qr', steps: 'qr' },
  'qr-refreshing': { ...waiting, steps: 'qr' },
  'qr-expired': { tone: 'warning', icon: 'clock', steps: 'none' },
  'phone-number': { tone: 'progress', icon: 'phone', steps: 'none' },
  'code-awaited': { ...waiting, steps: 'code' },
  'pairing-code': { tone: 'progress', icon: 'code', steps: 'code' },
  'code-expired': { tone: 'warning', icon: 'clock', steps: 'none' },
  linked: { tone: 'progress', icon: 'phone', steps: 'none' },
  connected: { tone: 'success', icon: 'check', steps: 'none' },
  disconnected: { tone: 'warning', icon: 'unlink', steps: 'none' },
  'logged-out': { tone: 'error', icon: 'unlink', steps: 'none' },
  replaced: { tone: 'warning', icon: 'alert', steps: 'none' },
  'client-outdated': { tone: 'warning', icon: 'clock', steps: 'none' },
  'passkey-required': { tone: 'warning', icon: 'alert', steps: 'none' },
  failed: { tone: 'error', icon: 'alert', steps: 'none' },
  'token-missing': { tone: 'warning', icon: 'link', steps: 'none' },
  'token-expired': { tone: 'warning', icon: 'link', steps: 'none' },
  'token-invalid': { tone: 'error', icon: 'link', steps: 'none' },
};
