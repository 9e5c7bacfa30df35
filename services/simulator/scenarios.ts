import type { Behaviour } from './behaviour.ts';

/**
 * Every way in which the simulated WhatsApp can misbehave, by name.
 *
 * A scenario is chosen for everybody (`default`), for a company or for a phone, over the HTTP API, on the phone's page or
 * with `npm run scenario`; a test can also name one in the URL of its connection (`/ws/chat?scenario=closed&afterMs=50`).
 * The URL comes before the company, the company before the phone, the phone before the default. Chosen with `times`, it
 * serves that many connections. It acts on connections that exist, too.
 *
 * The server knows whose a connection is only by and by. A linked device is recognised at its login, by its noise key, and
 * is its company's by the QR that was seen on NATS, or because only one company without such a QR has its phone; of
 * several on one phone it is nobody's, and their scenarios are refused. A new one is nobody's until its company's QR was seen on NATS, or a phone has scanned it: from then on its company's, or its
 * phone's, scenario holds. Nothing can be known before the handshake: `refused`, and `mute` from `connect`, are chosen for
 * everybody or by URL.
 *
 * Not here, because the server cannot do them: a name that does not resolve (point `WHATSAPP_URL` at `ws://nowhere.invalid`) and
 * a TLS failure (point it at `wss://` of this plain port). Both are the client's configuration.
 *
 * ## What of WhatsApp is not imitated
 *
 * | part | here |
 * |---|---|
 * | groups, channels, status, calls, media | absent; such a query gets error 501, `media_conn` answers a host that does not exist |
 * | history | one history message, with the names of the account and its contacts; no past chats |
 * | application state | every collection is empty |
 * | waiting messages | kept in memory, 1,000 a device: a restart of the simulator forgets them |
 * | the phones' chats | kept in memory, 200 messages a phone |
 * | delivery | instant; a phone is always online, and reads nothing until told |
 * | registration limits, bans, the "reach-out" lock | absent, but for what a scenario plays |
 * | passkeys | the server demands one and goes no further |
 * | TLS | the server speaks plain WebSocket |
 * | key transparency, trusted-contact tokens | accepted and ignored |
 * | one-time prekeys | counted and handed out; none is refused for being old |
 * | routing | no edge servers; a routing prefix is read and ignored |
 */
export const SCENARIOS = [
  scenario({
    name: 'refused',
    // Baileys 7.0.0-rc14 takes ws's `unexpected-response` away from ws and does nothing with it: no close, no time-out.
    client:
      'the WebSocket does not open. With status 0 the line is reset: 408. An HTTP status leaves Baileys waiting for ever',
    knobs: { status: number(503, 0, 599, 'HTTP status; 0 resets the line') },
    behaviour: ({ status }) => ({ refuse: status }),
  }),
  scenario({
    name: 'mute',
    client: '408: nothing is ever answered, from the opening of the WebSocket on or from the handshake on',
    knobs: { from: choice(['connect', 'login'], 'where the silence begins') },
    behaviour: ({ from }) => ({ silentFrom: from }),
  }),
  scenario({
    name: 'silent',
    client: '408 "Connection was lost": an open connection falls silent and stays up',
    knobs: {},
    behaviour: () => ({ silentFrom: 'open' }),
  }),
  scenario({
    name: 'slow',
    client: 'every answer late',
    knobs: { delayMs: number(1_000, 0, 60_000, 'before each stanza, ms') },
    behaviour: ({ delayMs }) => ({ answerDelayMs: delayMs }),
  }),
  scenario({
    name: 'outdated',
    client: '405: the client version is too old',
    knobs: { minimumRevision: number(4_294_967_295, 0, 4_294_967_295, 'third number of the oldest version that may') },
    behaviour: ({ minimumRevision }) => ({ minimumRevision }),
  }),
  scenario({
    name: 'qr-exhausted',
    client: '408 "QR refs attempts ended": at once with 0 refs, after 60 s with 1, then 20 s more for each',
    knobs: { refs: number(0, 0, 6, 'QRs of one connection') },
    behaviour: ({ refs }) => ({ qr: { refs, firstRefMs: 60_000, nextRefMs: 20_000 } }),
  }),
  scenario({
    name: 'qr-rotation',
    client:
      'QRs that the phone refuses as expired earlier or later; when to show the next one is the client’s own choice',
    knobs: {
      refs: number(6, 1, 6, 'QRs of one connection'),
      firstMs: number(5_000, 1, 600_000, 'life of the first, ms'),
      nextMs: number(5_000, 1, 600_000, 'life of each further one, ms'),
    },
    behaviour: ({ refs, firstMs, nextMs }) => ({ qr: { refs, firstRefMs: firstMs, nextRefMs: nextMs } }),
  }),
  scenario({
    name: 'code-expired',
    client: 'nothing; the phone refuses the code as expired',
    knobs: { lifeMs: number(0, 0, 600_000, 'how long a code can be typed, ms') },
    behaviour: ({ lifeMs }) => ({ codeLifeMs: lifeMs }),
  }),
  scenario({
    name: 'code-interrupted',
    client: '428 in the middle of linking by code; 401 at the next connection with the same credentials',
    knobs: { after: choice(['companion_hello', 'companion_finish'], 'the message behind which the line drops') },
    behaviour: ({ after }) => ({ cutAfter: after }),
  }),
  scenario({
    name: 'registration-refused',
    client: 'the given status in place of a QR, as WhatsApp refuses a client that it does not want',
    knobs: { reason: number(403, 400, 599, 'status') },
    behaviour: ({ reason }) => ({ atRegistration: { how: 'failure', reason } }),
  }),
  scenario({
    name: 'wrong-adv-secret',
    client: '500 "Invalid account signature": the link is signed with a secret that no QR showed',
    knobs: {},
    behaviour: () => ({ link: 'wrong-adv-secret' }),
  }),
  scenario({
    // What WhatsApp sends was captured by users of Baileys (WhiskeySockets/Baileys#2672) and is what whatsmeow reads in
    // pair-passkey.go: a notification with the WebAuthn options as JSON. Seen after a scan and after companion_finish.
    // Assumed: nothing else is sent, and the connection stays open.
    name: 'passkey',
    client: 'a notification `passkey_prologue_request` behind the scan or the code, then nothing',
    knobs: {},
    behaviour: () => ({ link: 'passkey' }),
  }),
  scenario({
    name: 'business',
    client: 'an account that tells its business name when it is linked, or a consumer’s that does not',
    knobs: { is: choice(['business', 'consumer'], 'kind of account') },
    behaviour: ({ is }) => ({ business: is === 'business' }),
  }),
  scenario({
    name: 'unlinked',
    client: '401 `device_removed` while open, or a plain 401 at login; the device is gone from the phone',
    knobs: { at: choice(['open', 'login'], 'when'), afterMs: afterMs() },
    behaviour: ({ at, afterMs: ms }) =>
      at === 'open' ? { whenOpen: { how: 'unlink', afterMs: ms } } : { atLogin: { how: 'unlink' } },
  }),
  scenario({
    name: 'forbidden',
    client: '403 at login: the account is banned',
    knobs: {},
    behaviour: () => ({ atLogin: { how: 'failure', reason: 403 } }),
  }),
  scenario({
    name: 'closed',
    client: '428: an open connection is ended in order',
    knobs: { afterMs: afterMs() },
    behaviour: ({ afterMs: ms }) => ({ whenOpen: { how: 'close', afterMs: ms } }),
  }),
  scenario({
    name: 'cut',
    client: '428: an open connection drops without a word',
    knobs: { afterMs: afterMs() },
    behaviour: ({ afterMs: ms }) => ({ whenOpen: { how: 'cut', afterMs: ms } }),
  }),
  scenario({
    name: 'conflict',
    client: '440: the same device logged in elsewhere',
    knobs: { afterMs: afterMs() },
    behaviour: ({ afterMs: ms }) => ({ whenOpen: { how: 'stream-error', conflict: 'replaced', afterMs: ms } }),
  }),
  scenario({
    name: 'server-error',
    client: '500, as a failure at login or as a stream error while open',
    knobs: { at: choice(['open', 'login'], 'when'), afterMs: afterMs() },
    behaviour: (params) => failing(500, params),
  }),
  scenario({
    name: 'unavailable',
    client: '503, as a failure at login or as a stream error while open',
    knobs: { at: choice(['login', 'open'], 'when'), afterMs: afterMs() },
    behaviour: (params) => failing(503, params),
  }),
  scenario({
    name: 'restart-required',
    client: '515 while open',
    knobs: { afterMs: afterMs() },
    behaviour: ({ afterMs: ms }) => ({ whenOpen: { how: 'stream-error', code: 515, afterMs: ms } }),
  }),
  scenario({
    name: 'backlog',
    client: 'messages that came while it was offline, behind `offline_preview`',
    knobs: { messages: number(20, 1, 1_000, 'how many') },
    behaviour: ({ messages }) => ({ backlog: messages }),
  }),
  scenario({
    name: 'prekeys-claimed',
    client: 'a low count of one-time prekeys at login, which it fills up: 812 at 0, 5 up to 5',
    knobs: { left: number(0, 0, 812, 'prekeys that nobody claimed') },
    behaviour: ({ left }) => ({ preKeysLeft: left }),
  }),
] as const satisfies readonly Scenario[];

export type Params = Readonly<Record<string, number | string>>;

/** One row of the table. */
export interface Scenario {
  readonly name: string;
  /** What the client sees; a number is Baileys' status code. */
  readonly client: string;
  readonly knobs: Readonly<Record<string, Knob>>;
  behaviour(params: Params): Behaviour;
}

export type Knob = NumberKnob | ChoiceKnob<string>;

interface NumberKnob {
  readonly what: string;
  readonly fallback: number;
  readonly min: number;
  readonly max: number;
}

interface ChoiceKnob<Choice extends string> {
  readonly what: string;
  readonly fallback: Choice;
  readonly choices: readonly Choice[];
}

type ParamsOf<Knobs> = {
  readonly [Name in keyof Knobs]: Knobs[Name] extends ChoiceKnob<infer Choice> ? Choice : number;
};

interface ScenarioSpec<Knobs> {
  readonly name: string;
  readonly client: string;
  readonly knobs: Knobs;
  readonly behaviour: (params: ParamsOf<Knobs>) => Behaviour;
}

/** Parameters are checked against the knobs before they come here (`toParams`). */
function scenario<const Knobs extends Readonly<Record<string, Knob>>>(spec: ScenarioSpec<Knobs>): Scenario {
  return { ...spec, behaviour: (params) => spec.behaviour(params as ParamsOf<Knobs>) };
}

function number(fallback: number, min: number, max: number, what: string): NumberKnob {
  return { fallback, min, max, what };
}

/** The first one is the default. */
function choice<const Choices extends readonly [string, ...string[]]>(
  choices: Choices,
  what: string,
): ChoiceKnob<Choices[number]> {
  return { fallback: choices[0], choices, what };
}

function afterMs(): NumberKnob {
  return number(250, 0, 3_600_000, 'time after the device is open, ms');
}

function failing(code: number, { at, afterMs: ms }: { readonly at: string; readonly afterMs: number }): Behaviour {
  if (at === 'login') return { atLogin: { how: 'failure', reason: code } };
  return { whenOpen: { how: 'stream-error', code, afterMs: ms } };
}
