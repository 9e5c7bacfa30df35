import type { OnboardingModel } from './onboarding-model.ts';

/**
 * How often the page asks for new QRs by itself before it asks the person. WhatsApp gives about two and a half minutes of
 * QRs a time, so somebody who fetches the phone from the next room finds a fresh code for ten minutes.
 */
const MAX_RENEWALS = 3;

/**
 * True when the page should ask for a new QR now, without being told to: the QRs ran out while somebody looks at the page,
 * or the person has just come back to it. A salon's owner expects a code that works, not a button.
 */
export function isRenewalDue(model: OnboardingModel, isVisible: boolean): boolean {
  const { link, session, way, request, problem, isEnteringPhone, renewals } = model;
  if (!isVisible || link !== 'open' || session?.state !== 'qr-expired') return false;
  if (way === 'code' || isEnteringPhone || request !== undefined || problem !== undefined) return false;
  return renewals < MAX_RENEWALS;
}
