import { parseAddress } from '../people/address.ts';
import type { Directory } from '../people/directory.ts';
import { jidOf, type Device } from '../people/stored-state.ts';
import { childOf, childrenOf, errorOf, node, resultOf, type BinaryNode } from '../protocol/node.ts';
import type { SignalDesk } from '../signal/signal-desk.ts';
import type { Bundle } from '../signal/signal-session.ts';
import { readSignedPreKey, readUploadedKeys } from './prekey-upload.ts';
import { answerUsync } from './usync.ts';

/** Whose queries are answered: a device that is logged in. */
interface Asker {
  /** As it is stored now, or `undefined` once it is unlinked. */
  readonly device: Device | undefined;
  readonly directory: Directory;
  readonly signals: SignalDesk;
  /** The other devices that are connected. */
  readonly sessions: { of(jid: string): { tellPreKeyCount(): void } | undefined };
  announceBacklog(): void;
  becomeOpen(): Promise<void>;
  unlink(by: 'device'): Promise<void>;
}

interface Answer {
  readonly reply: BinaryNode;
  /** Done after the reply went out. */
  readonly afterwards?: () => void | Promise<void>;
}

/** Answers one query; a ProtocolError becomes error 406 for the client and a counted rejection. */
type QueryHandler = (query: BinaryNode, session: Asker) => Answer | Promise<Answer>;

/** `<type> <namespace> <first child>`: what tells queries apart. */
export function queryName(query: BinaryNode): string {
  const { type = '', xmlns = '' } = query.attrs;
  return [type, xmlns, childrenOf(query)[0]?.tag ?? ''].join(' ').trim();
}

/** What a companion asks once it is logged in. A query that is not here is answered with error 501. */
export const QUERIES: Readonly<Partial<Record<string, QueryHandler>>> = {
  'get w:p ping': (query) => ({ reply: resultOf(query) }),

  'get encrypt count': (query, { device }) => ({
    reply: resultOf(query, [node('count', { value: String(device?.preKeys.count ?? 0) })]),
  }),
  'set encrypt registration': uploadPreKeys,
  'set encrypt rotate': rotateSignedPreKey,
  'get encrypt digest': digestKeys,
  'get encrypt key': handOutKeys,

  'set passive active': (query, session) => ({ reply: resultOf(query), afterwards: () => session.announceBacklog() }),
  'set passive passive': (query) => ({ reply: resultOf(query) }),

  'get abt props': (query) => ({ reply: resultOf(query, [node('props', { protocol: '1', hash: 'simulator' })]) }),
  'get blocklist': (query) => ({ reply: resultOf(query, [node('list')]) }),
  'get privacy privacy': (query) => ({ reply: resultOf(query, [node('privacy', {}, PRIVACY)]) }),
  'set privacy tokens': (query) => ({ reply: resultOf(query, [node('tokens')]) }),
  'set urn:xmpp:whatsapp:dirty clean': (query) => ({ reply: resultOf(query) }),
  'set w:stats add': (query) => ({ reply: resultOf(query) }),
  'set w:sync:app:state sync': syncAppState,
  'set w:m media_conn': (query) => ({ reply: resultOf(query, [MEDIA_CONNECTION]) }),
  'get usync usync': (query, { directory }) => ({ reply: answerUsync(query, directory) }),
  'get w:profile:picture picture': (query) => ({ reply: errorOf(query, 404, 'item-not-found') }),

  'set md remove-companion-device': (query, session) => ({
    reply: resultOf(query),
    afterwards: () => session.unlink('device'),
  }),
};

/** There is no such host: media is not simulated. */
const MEDIA_CONNECTION = node('media_conn', { auth: 'simulator', ttl: '3600', auth_ttl: '3600', max_buckets: '1' }, [
  node('host', { hostname: 'media.simulator.invalid', maxContentLengthBytes: '16777216' }),
]);

/** The settings of a new account. */
const PRIVACY = Object.entries({
  last: 'all',
  online: 'all',
  profile: 'all',
  status: 'contacts',
  groupadd: 'all',
  calladd: 'all',
  readreceipts: 'all',
  messages: 'all',
}).map(([name, value]) => node('category', { name, value }));

async function uploadPreKeys(query: BinaryNode, { device, directory }: Asker): Promise<Answer> {
  if (!device) return { reply: errorOf(query, 401, 'not-authorized') };
  const upload = readUploadedKeys(query, device.identityKey);
  await directory.updateDevice(jidOf(device), { ...upload, preKeys: device.preKeys.add(upload.preKeys) });
  return { reply: resultOf(query) };
}

async function rotateSignedPreKey(query: BinaryNode, { device, directory }: Asker): Promise<Answer> {
  if (!device) return { reply: errorOf(query, 401, 'not-authorized') };
  const signedPreKey = readSignedPreKey(childOf(childOf(query, 'rotate'), 'skey'), device.identityKey);
  await directory.updateDevice(jidOf(device), { signedPreKey });
  return { reply: resultOf(query) };
}

/** What the server holds of the device's keys, for the device to compare. */
function digestKeys(query: BinaryNode, session: Asker): Answer {
  const { device } = session;
  if (!device || device.preKeys.count === 0) return { reply: errorOf(query, 404, 'item-not-found') };
  const registration = Buffer.alloc(4);
  registration.writeUInt32BE(device.registrationId);
  const content = [
    node('registration', {}, registration),
    node('type', {}, Buffer.from([5])),
    node('identity', {}, device.identityKey),
  ];
  return { reply: resultOf(query, [node('digest', {}, content)]), afterwards: () => session.becomeOpen() };
}

/** The account has no application state: every collection is at the version the client has. */
function syncAppState(query: BinaryNode): Answer {
  const collections = childrenOf(childOf(query, 'sync')).filter(({ tag }) => tag === 'collection');
  const current = collections.map(({ attrs }) =>
    node('collection', { name: attrs['name'] ?? '', version: attrs['version'] ?? '0' }),
  );
  return { reply: resultOf(query, [node('sync', {}, current)]) };
}

/** Below this many left, the owner of the prekeys is told to make more. */
const FEW_PREKEYS = 10;

/** Public keys of phones and devices, for new sessions with them. */
async function handOutKeys(query: BinaryNode, session: Asker): Promise<Answer> {
  const asked = childrenOf(childOf(query, 'key')).map(({ attrs }) => attrs['jid'] ?? '');
  const users: BinaryNode[] = [];
  for (const jid of asked) users.push(await keysOf(jid, session));
  return { reply: resultOf(query, [node('list', {}, users)]) };
}

async function keysOf(jid: string, { directory, signals, sessions }: Asker): Promise<BinaryNode> {
  const address = parseAddress(jid);
  const phone = address && directory.phoneOf(address);
  const device = address && directory.deviceOf(address);
  if (phone && address.device === 0) return bundleNode(jid, await signals.bundleOfPhone(phone));
  if (!device) return node('user', { jid }, [node('error', { code: '404', text: 'item-not-found' })]);
  const bundle = await signals.bundleOfDevice(device);
  const owner = jidOf(device);
  if ((directory.device(owner)?.preKeys.count ?? 0) < FEW_PREKEYS) sessions.of(owner)?.tellPreKeyCount();
  return bundleNode(jid, bundle);
}

function bundleNode(jid: string, { registrationId, identityKey, signedPreKey, preKey }: Bundle): BinaryNode {
  const registration = Buffer.alloc(4);
  registration.writeUInt32BE(registrationId);
  const { id, key, signature } = signedPreKey;
  return node('user', { jid }, [
    node('registration', {}, registration),
    node('type', {}, Buffer.from([5])),
    node('identity', {}, identityKey),
    node('skey', {}, [...keyNodes(id, key), node('signature', {}, signature)]),
    ...(preKey ? [node('key', {}, keyNodes(preKey.id, preKey.key))] : []),
  ]);
}

function keyNodes(id: number, key: Buffer): BinaryNode[] {
  const idBytes = Buffer.alloc(3);
  idBytes.writeUIntBE(id, 0, 3);
  return [node('id', {}, idBytes), node('value', {}, key)];
}
