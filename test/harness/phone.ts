/** Lets the simulated person with this number scan the text of a QR; rejects with the simulator's refusal. */
export function scanWith(simulatorUrl: string, phoneNumber: string, qr: string): Promise<void> {
  return post(`${simulatorUrl}/phones/${phoneNumber}/scan`, { qr });
}

/** Lets the simulated person with this number type a pairing code; rejects with the simulator's refusal. */
export function typeCodeInto(simulatorUrl: string, phoneNumber: string, code: string): Promise<void> {
  return post(`${simulatorUrl}/phones/${phoneNumber}/pairing-code`, { code });
}

/** Lets the simulated person `from` write a text to `to`, both by their numbers; rejects with the simulator's refusal. */
export function writeFrom(simulatorUrl: string, from: string, message: { to: string; text: string }): Promise<void> {
  return post(`${simulatorUrl}/phones/${from}/messages`, message);
}

async function post(url: string, body: object): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`the phone did not do it: ${response.status} ${await response.text()}`);
}
