import { expect, test } from 'vitest';
import { isBaileysRejection } from './stray-rejections.ts';

function errorFrom(file: string): Error {
  const error = new Error('Connection Closed');
  error.stack = `Error: Connection Closed\n    at sendRawMessage (${file}:52:19)`;
  return error;
}

test.each([
  Object.assign(new Error('Connection Closed'), { isBoom: true, output: { statusCode: 428 } }),
  errorFrom('file:///srv/node_modules/@whiskeysockets/baileys/lib/Socket/socket.js'),
  errorFrom('/srv/node_modules/libsignal/src/session_cipher.js'),
  errorFrom('C:\\srv\\node_modules\\libsignal\\src\\session_cipher.js'),
])('%s is one of Baileys', (error) => {
  expect(isBaileysRejection(error)).toBe(true);
});

test.each([
  errorFrom('/srv/services/whatsapp/session/session.ts'),
  errorFrom('/srv/node_modules/pg/lib/client.js'),
  'Connection Closed',
  undefined,
  { isBoom: true },
])('%s is not', (reason) => {
  expect(isBaileysRejection(reason)).toBe(false);
});
