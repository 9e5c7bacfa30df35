/** Lets the simulated person with this number scan the text of a QR; rejects with the simulator's refusal. */
export async function scanWith(simulatorUrl: string, phoneNumber: string, qr: string): Promise<void> {
  const response = await fetch(`${simulatorUrl}/phones/${phoneNumber}/scan`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ qr }),
  });
  if (!response.ok) throw new Error(`the phone did not link: ${response.status} ${await response.text()}`);
}
