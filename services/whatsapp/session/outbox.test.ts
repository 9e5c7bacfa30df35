import { describe, expect, test } from 'vitest';
import type { PublishOutcome } from '../../../shared/bus/publish-attempt.ts';
import { parseCompanyId } from '../../../shared/contract/company-id.ts';
import { decodeEvent } from '../../../shared/contract/decode-event.ts';
import type { PhoneNumber } from '../../../shared/contract/phone-number.ts';
import { initialMachine, type Machine } from './machine.ts';
import { Outbox, type OutboxOptions } from './outbox.ts';
import { toOrderedEvent, toSnapshot, type EventDraft } from './session-event.ts';

const salon = parseCompanyId('962302');
const phone = '79990000001' as PhoneNumber;
const NOW = 1_764_870_000_000;
const STORED: PublishOutcome = { kind: 'stored' };

function draft(state: Machine['state'], extra: Partial<Machine> = {}): EventDraft {
  const machine = { ...initialMachine(true, { phoneNumber: '79990000001' }), state, ...extra };
  return { type: state, machine, occurred: { wallUs: NOW * 1000, monotonicMs: 0 }, republished: false };
}

function qr(expiresAt: number): EventDraft {
  return draft('qr', { qr: { text: 'qr', ttlMs: 60_000, expiresAt } });
}

/** An outbox whose sends are decided by the test, one after the other. */
function outbox(options: Partial<OutboxOptions> = {}) {
  const sent: string[] = [];
  const log: string[] = [];
  const undecided: PromiseWithResolvers<PublishOutcome>[] = [];
  const box = new Outbox({
    epoch: 3,
    maxWaiting: 64,
    send: (position, entry, onStamped) => {
      const event = toOrderedEvent(salon, position, entry, NOW);
      onStamped(event);
      sent.push(`${event.id.slice(salon.length + 1)} ${event.type}`);
      const decision = Promise.withResolvers<PublishOutcome>();
      undecided.push(decision);
      return decision.promise;
    },
    raiseEpoch: (above) => Promise.resolve(above + 4),
    onFenced: () => log.push('fenced'),
    onDropped: ({ type }) => log.push(`dropped ${type}`),
    now: () => NOW,
    ...options,
  });
  const decide = async (outcome: PublishOutcome | Error): Promise<void> => {
    const decision = undecided.shift();
    if (outcome instanceof Error) decision?.reject(outcome);
    else decision?.resolve(outcome);
    // One turn of the event loop: everything that follows from the decision has happened.
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { box, sent, log, decide };
}

test('the first event is on its way when push returns, the others follow one at a time and in order', async () => {
  const { box, sent, decide } = outbox();
  const stored = [box.push(draft('starting')), box.push(draft('linked')), box.push(draft('connected'))];
  expect(sent).toEqual(['3:1 starting']);
  expect(box.last).toMatchObject({ type: 'starting', epoch: 3, seq: 1 });
  await decide(STORED);
  expect(sent).toEqual(['3:1 starting', '3:2 linked']);
  await decide(STORED);
  await decide(STORED);
  expect(await Promise.all(stored)).toEqual([true, true, true]);
  expect(box.idle).toBe(true);
});

test('a duplicate raises the epoch, and what waits behind it comes in the new one', async () => {
  const { box, sent, decide } = outbox();
  const first = box.push(draft('starting'));
  void box.push(draft('connected'));
  await decide({ kind: 'duplicate' });
  expect(sent).toEqual(['3:1 starting', '7:1 starting']);
  await decide(STORED);
  expect(await first).toBe(true);
  expect(sent.at(-1)).toBe('7:2 connected');
  expect(box.epoch).toBe(7);
});

test('a fenced event ends everything, and nothing that waited counts as stored', async () => {
  const { box, sent, log, decide } = outbox();
  const stored = [box.push(draft('starting')), box.push(draft('connected'))];
  await decide({ kind: 'fenced', by: { epoch: 9, seq: 1 } });
  expect(await Promise.all(stored)).toEqual([false, false]);
  expect(log).toEqual(['fenced']);
  expect(await box.push(draft('failed'))).toBe(false);
  expect(sent).toHaveLength(1);
});

test('an event that cannot be published is reported and does not hold up the next', async () => {
  const { box, sent, log, decide } = outbox();
  const first = box.push(draft('starting'));
  void box.push(draft('connected'));
  await decide(new Error('too large'));
  expect(await first).toBe(false);
  expect(log).toEqual(['dropped starting']);
  expect(sent.at(-1)).toBe('3:2 connected');
});

describe('a pairing code', () => {
  const code = (expiresAt: number) =>
    draft('pairing-code', { code: { text: '1ABCDEFG', phoneNumber: phone, ttlMs: 50_000, expiresAt } });

  test('that died while it waited is not published', async () => {
    const { box, sent, decide } = outbox();
    void box.push(draft('starting'));
    const dead = box.push(code(NOW));
    void box.push(draft('starting'));
    await decide(STORED);
    expect(await dead).toBe(false);
    expect(sent).toEqual(['3:1 starting', '3:2 starting']);
  });

  test('is an event of the contract with what is left of its life, and so is its failure', () => {
    const failure = { code: 'PAIRING_CODE_FAILED', message: 'WhatsApp did not answer the request' } as const;
    const failed = { ...draft('starting', { failure }), type: 'pairing-code-error' } as const;
    for (const entry of [code(NOW + 1500), failed]) {
      const event = toOrderedEvent(salon, { epoch: 1, seq: 1 }, entry, NOW);
      expect(decodeEvent(salon, Buffer.from(JSON.stringify(event)))).toMatchObject({ ok: true, event });
    }
    const event = toOrderedEvent(salon, { epoch: 1, seq: 1 }, code(NOW + 1500), NOW);
    expect(event.code).toEqual({ text: '1ABCDEFG', phoneNumber: phone, expiresAt: NOW + 1500, ttlMs: 1500 });
    expect(toSnapshot(event, NOW + 1000).code?.ttlMs).toBe(500);
  });
});

describe('a QR', () => {
  test('that died while it waited is not published', async () => {
    const { box, sent, decide } = outbox();
    void box.push(draft('starting'));
    const dead = box.push(qr(NOW));
    void box.push(qr(NOW + 20_000));
    await decide(STORED);
    expect(await dead).toBe(false);
    expect(sent).toEqual(['3:1 starting', '3:2 qr']);
  });

  test('that waited says what is left of its life', () => {
    const { box } = outbox();
    void box.push(qr(NOW + 1500));
    expect(box.last?.qr).toEqual({ text: 'qr', expiresAt: NOW + 1500, ttlMs: 1500 });
  });
});

test('when too many wait the oldest that is not on its way goes, never the newest', async () => {
  const { box, log, decide, sent } = outbox({ maxWaiting: 2 });
  void box.push(draft('starting'));
  const dropped = box.push(draft('disconnected'));
  void box.push(draft('linked'));
  void box.push(draft('connected'));
  expect(await dropped).toBe(false);
  expect(log).toEqual(['dropped disconnected']);
  await decide(STORED);
  await decide(STORED);
  expect(sent).toEqual(['3:1 starting', '3:2 linked', '3:3 connected']);
});

test('stopping tells everybody who waits, and a decision that comes later changes nothing', async () => {
  const { box, sent, log, decide } = outbox();
  const stored = [box.push(draft('starting')), box.push(draft('connected'))];
  box.stop();
  expect(await Promise.all(stored)).toEqual([false, false]);
  await decide(new Error('publisher stopped'));
  expect(sent).toHaveLength(1);
  expect(log).toEqual([]);
});

test('settled waits for what is on its way, and no longer than it may', async () => {
  const { box, decide } = outbox();
  await box.settled();
  void box.push(draft('starting'));
  await box.settled(1);
  expect(box.idle).toBe(false);
  const settled = box.settled();
  await decide(STORED);
  await settled;
  expect(box.idle).toBe(true);
});
