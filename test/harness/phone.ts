/** Lets the simulated person with this number scan the text of a QR; rejects with the simulator's refusal. */
export function scanWith(simulatorUrl: string, phoneNumber: string, qr: string): Promise<void> {
  return link(`${simulatorUrl}/phones/${phoneNumber}/scan`, { qr });
}

/** Lets the simulated person with this number type a pairing code; rejects with the simulator's refusal. */
export function typeCodeInto(simulatorUrl: string, phoneNumber: string, code: string): Promise<void> {
  return link(`${simulatorUrl}/phones/${phoneNumber}/pairing-code`, { code });
}

async function link(url: string, body: object): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`the phone did not link: ${response.status} ${await response.text()}`);
}
