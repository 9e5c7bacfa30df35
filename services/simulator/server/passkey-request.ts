import { randomBytes } from 'node:crypto';
import { SERVER_JID, node, type BinaryNode } from '../protocol/node.ts';

/**
 * The demand for a WebAuthn assertion, as captured by users of Baileys (WhiskeySockets/Baileys#2672, PR 2689): the options of
 * `navigator.credentials.get`, as JSON.
 */
export function passkeyRequest(): BinaryNode {
  const options = {
    challenge: randomBytes(32).toString('base64url'),
    timeout: 600_000,
    rpId: 'whatsapp.com',
    allowCredentials: [],
    userVerification: 'required',
    extensions: { uvm: true },
  };
  const attrs = {
    id: randomBytes(8).toString('hex'),
    type: 'passkey_prologue_request',
    from: SERVER_JID,
    t: String(Math.floor(Date.now() / 1000)),
  };
  const content = Buffer.from(JSON.stringify(options));
  return node('notification', attrs, [node('passkey_request_options', {}, content)]);
}
