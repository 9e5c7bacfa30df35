import { Writable } from 'node:stream';
import pino from 'pino';
import { expect, test } from 'vitest';
import { ANNA, BORIS, SimulatedWhatsApp } from '../../test/harness/simulated-whatsapp.ts';
import { waitFor } from '../../test/harness/wait-for.ts';

test('at the most verbose level no log line holds a code, a key, a QR, a message or a whole number', async () => {
  let log = '';
  const logger = pino(
    { level: 'trace' },
    new Writable({
      write(line: Buffer, _encoding, done) {
        log += line.toString();
        done();
      },
    }),
  );
  await using whatsApp = await SimulatedWhatsApp.start({ logger });
  const { phones } = whatsApp.simulator;
  const client = whatsApp.connect();
  const qr = await client.qr();
  const code = await client.socket.requestPairingCode(ANNA);
  await waitFor(() => phones.list()[0]?.codeRequest, { what: 'the phone to be asked' });
  await phones.enterCode(ANNA, code.startsWith('A') ? `B${code.slice(1)}` : `A${code.slice(1)}`).catch(() => undefined);
  await phones.enterCode(ANNA, code);
  const open = await whatsApp.logIn(client.auth);
  await phones.write(BORIS, { to: ANNA, content: { text: 'a secret of Boris' } });
  await open.socket.sendMessage(`${BORIS}@s.whatsapp.net`, { text: 'a secret of Anna' });
  await waitFor(() => phones.messages(BORIS).length === 2, { what: 'the message' });
  await open.socket.logout();
  await waitFor(() => phones.devices().length === 0, { what: 'the device to be unlinked' });

  const { noiseKey, signedIdentityKey, advSecretKey } = client.auth.creds;
  const keys = [noiseKey, signedIdentityKey].flatMap((pair) => [pair.public, pair.private]);
  const secrets = [code, advSecretKey, ...qr.split(','), ...keys.map((key) => Buffer.from(key).toString('base64'))];
  expect(log).toContain('device linked');
  for (const secret of [...secrets.filter(({ length }) => length > 6), 'a secret of', ANNA, BORIS]) {
    expect(log).not.toContain(secret);
  }
});
