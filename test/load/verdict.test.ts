import { describe, expect, test } from 'vitest';
import { addVerdicts, EMPTY_VERDICT, SocketLedger, voidReasons, type Verdict } from './verdict.ts';

const OWN = 'company_9100000001';
const OTHER = 'company_9100000002';
const EPOCH = 5;

function published(count: number) {
  return Array.from({ length: count }, (_, index) => ({ epoch: EPOCH, seq: index + 1 }));
}

/** What a browser of `OWN` is judged to have been shown, by sequence. */
function judge(seqs: readonly number[], count: number): Verdict {
  const ledger = new SocketLedger(OWN);
  for (const seq of seqs) ledger.take({ companyId: OWN, epoch: EPOCH, seq }, false);
  return ledger.judge(published(count));
}

describe('the verdict on one browser', () => {
  test('is clean when every event arrived once and in order', () => {
    expect(judge([1, 2, 3], 3)).toEqual({ ...EMPTY_VERDICT, expected: 3, delivered: 3 });
  });

  test('counts an event that never came as lost', () => {
    const verdict = judge([1, 3], 3);
    expect(verdict).toMatchObject({ delivered: 2, lost: 1, unconverged: 0 });
    expect(verdict.examples).toEqual([`${OWN}:5:2 was lost`]);
  });

  test('counts a lost last event twice over: lost, and the browser shows an old state', () => {
    expect(judge([1, 2], 3)).toMatchObject({ lost: 1, unconverged: 1 });
  });

  test('counts every arrival beyond the first as a duplicate, and none of them as out of order', () => {
    expect(judge([1, 2, 1, 1], 2)).toMatchObject({ delivered: 2, duplicated: 2, outOfOrder: 0 });
  });

  test('says that a browser which was shown an old event again last does not show the last state', () => {
    expect(judge([1, 2, 1], 2)).toMatchObject({ duplicated: 1, unconverged: 1 });
  });

  test('counts an event behind a newer one as out of order, not as lost', () => {
    expect(judge([2, 1, 3], 3)).toMatchObject({ delivered: 3, lost: 0, outOfOrder: 1 });
  });

  test('takes a duplicate for no replacement of a lost event', () => {
    expect(judge([1, 1], 2)).toMatchObject({ delivered: 1, lost: 1, duplicated: 1 });
  });

  test("counts another company's event as a wrong room and not as one of its own", () => {
    const ledger = new SocketLedger(OWN);
    ledger.take({ companyId: OTHER, epoch: EPOCH, seq: 1 }, false);
    const verdict = ledger.judge(published(1));
    expect(verdict).toMatchObject({ delivered: 0, lost: 1, wrongRoom: 1 });
    expect(verdict.examples).toContain(`${OTHER}:5:1 came to a browser of ${OWN}`);
  });

  test('counts any event at a browser whose company gets none', () => {
    expect(judge([1], 0)).toMatchObject({ expected: 0, wrongRoom: 1 });
  });

  test('counts an event that nobody published', () => {
    expect(judge([1, 2, 7], 2)).toMatchObject({ delivered: 2, wrongRoom: 1, unconverged: 1 });
  });

  test('tells the same number under another epoch apart', () => {
    const ledger = new SocketLedger(OWN);
    ledger.take({ companyId: OWN, epoch: EPOCH + 1, seq: 1 }, false);
    expect(ledger.judge(published(1))).toMatchObject({ lost: 1, wrongRoom: 1 });
  });

  test('misses the emit that older clients live by, and one that has no state', () => {
    const withoutEmit = new SocketLedger(OWN);
    withoutEmit.take({ companyId: OWN, epoch: EPOCH, seq: 1 }, true);
    expect(withoutEmit.judge(published(1)).unpaired).toBe(1);
    const withoutState = new SocketLedger(OWN);
    withoutState.takeConnectedEmit();
    expect(withoutState.judge([]).unpaired).toBe(1);
  });

  test('is satisfied with a browser that hears nothing when it must hear nothing', () => {
    expect(new SocketLedger(OWN).judge([])).toEqual(EMPTY_VERDICT);
  });
});

describe('the verdict on all browsers', () => {
  test('adds up, so that what one has too much does not make up for what another lacks', () => {
    const sum = addVerdicts(judge([1, 1], 1), judge([], 1));
    expect(sum).toMatchObject({ expected: 2, delivered: 1, lost: 1, duplicated: 1 });
  });

  test('keeps a bounded number of examples', () => {
    const many = judge([], 1000);
    expect(many.lost).toBe(1000);
    expect(addVerdicts(many, many).examples).toHaveLength(20);
  });
});

describe('a run', () => {
  const HEALTHY = { delivered: 100, timed: 90, lagP99Ms: 0.1, latencyP99Ms: 2, utilization: 0.5 };

  test('is valid when its generator kept up', () => {
    expect(voidReasons(HEALTHY)).toEqual([]);
  });

  test('is void when nothing was delivered, however well that went', () => {
    expect(voidReasons({ ...HEALTHY, delivered: 0 })).toEqual(['nothing was delivered']);
  });

  test('is void when it was over before the measured part began', () => {
    expect(voidReasons({ ...HEALTHY, timed: 0 })).toEqual(['nothing was delivered behind the warm-up']);
  });

  test('is void when the generator lagged by more than a tenth of the reported p99', () => {
    expect(voidReasons({ ...HEALTHY, lagP99Ms: 0.2 })).toEqual([]);
    expect(voidReasons({ ...HEALTHY, lagP99Ms: 0.21 })).toHaveLength(1);
  });

  test('is void when a process of the generator had no time left', () => {
    expect(voidReasons({ ...HEALTHY, utilization: 0.95 })).toHaveLength(1);
  });
});
