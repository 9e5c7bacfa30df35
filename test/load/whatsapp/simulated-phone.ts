import { scanWith } from '../../harness/phone.ts';

/** Adds a simulated person to the simulator, unless known from an earlier run, and lets the person scan the QR. */
export async function linkPhone(simulatorUrl: string, index: number, qr: string): Promise<void> {
  // Numbers 7999000xxxx belong to nobody.
  const phoneNumber = `7999000${String(index).padStart(4, '0')}`;
  const response = await fetch(`${simulatorUrl}/phones`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ phoneNumber }),
  });
  if (!response.ok && response.status !== 409) {
    throw new Error(`the simulator has no phone for it: ${response.status} ${await response.text()}`);
  }
  await scanWith(simulatorUrl, phoneNumber, qr);
}
