import { parseAddress } from '../people/address.ts';
import type { Directory } from '../people/directory.ts';
import type { Phone } from '../people/stored-state.ts';
import { bytesOf, childOf, childrenOf, node, resultOf, type BinaryNode } from '../protocol/node.ts';

/** Answers what a client asks about users, in the protocols it names; unknown users have no devices and no account. */
export function answerUsync(query: BinaryNode, directory: Directory): BinaryNode {
  const usync = childOf(query, 'usync');
  const protocols = childrenOf(childOf(usync, 'query')).map(({ tag }) => tag);
  const users = childrenOf(childOf(usync, 'list')).map((user) => {
    const address = addressOf(user);
    const parsed = parseAddress(address);
    const phone = parsed && directory.phoneOf(parsed);
    const facts = protocols.flatMap((protocol) => factOf(protocol, { address, phone, directory }));
    return node('user', { jid: address }, facts);
  });
  const { sid = '', mode = 'query', context = 'interactive' } = usync?.attrs ?? {};
  const attrs = { sid, mode, context, last: 'true', index: '0' };
  return resultOf(query, [node('usync', attrs, [node('list', {}, users)])]);
}

interface Subject {
  readonly address: string;
  readonly phone: Phone | undefined;
  readonly directory: Directory;
}

function factOf(protocol: string, { address, phone, directory }: Subject): BinaryNode[] {
  switch (protocol) {
    case 'contact':
      return [node('contact', { type: phone ? 'in' : 'out' })];
    case 'lid':
      // Only for users asked by number: the answer teaches the client the mapping.
      return phone && !address.endsWith('@lid') ? [node('lid', { val: `${phone.lid}@lid` })] : [];
    case 'devices':
      return phone ? [node('devices', {}, deviceList(phone, directory))] : [];
    default:
      return [];
  }
}

/** Clients skip devices other than the phone itself that have no key index. */
function deviceList(phone: Phone, directory: Directory): BinaryNode[] {
  const companions = directory
    .devicesOf(phone.id)
    .map(({ device }) => node('device', { id: String(device), 'key-index': String(device) }));
  const keyIndexes = node('key-index-list', { ts: String(Math.floor(Date.now() / 1000)) });
  return [node('device-list', {}, [node('device', { id: '0' }), ...companions]), keyIndexes];
}

/** A user is named by its JID, or by a number with a plus in the contact protocol. */
function addressOf(user: BinaryNode): string {
  const { jid } = user.attrs;
  if (jid !== undefined) return jid;
  const number = bytesOf(childOf(user, 'contact'))?.toString('utf8').replace(/\D/g, '') ?? '';
  return `${number}@s.whatsapp.net`;
}
