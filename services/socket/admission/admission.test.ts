import { beforeEach, describe, expect, test } from 'vitest';
import { Admission, type AdmissionTicket } from './admission.ts';

const OFFICE = '203.0.113.5';
let nowMs = 0;
let admission: Admission;

beforeEach(() => {
  nowMs = 0;
  admission = new Admission({ perMinute: 5, now: () => nowMs });
});

function visit(name: string, address = OFFICE): AdmissionTicket | undefined {
  const ticket = admission.request(address);
  return ticket?.accept({ tokenKey: name, companyId: `company of ${name}` }) ? ticket : undefined;
}

function fillWithStrangers(): void {
  for (let n = 0; n < 5; n += 1) admission.request(OFFICE)?.end();
}

describe('Admission', () => {
  test('the sixth first-time handshake of an address within a minute is refused before its token is read', () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) expect(visit(name)).toBeDefined();
    expect(admission.request(OFFICE)).toBeUndefined();
  });

  test('after a start everybody with a valid token counts as known for a while, and strangers count as ever', () => {
    admission = new Admission({ perMinute: 5, now: () => nowMs, graceMs: 600_000 });
    for (let n = 0; n < 100; n += 1) expect(visit(`visitor ${n}`)).toBeDefined();
    fillWithStrangers();
    expect(visit('late')).toBeUndefined();
    nowMs = 600_000;
    for (const name of ['a', 'b', 'c', 'd', 'e']) expect(visit(name)).toBeDefined();
    expect(visit('f')).toBeUndefined();
  });

  test('another address is not affected', () => {
    fillWithStrangers();
    expect(visit('a', '203.0.113.6')).toBeDefined();
  });

  test('a minute later there is room again, one place at a time', () => {
    visit('a');
    nowMs = 30_000;
    for (const name of ['b', 'c', 'd', 'e']) visit(name);
    nowMs = 59_999;
    expect(admission.request(OFFICE)).toBeUndefined();
    nowMs = 60_000;
    expect(visit('f')).toBeDefined();
    expect(admission.request(OFFICE)).toBeUndefined();
  });

  test('handshakes whose token is never valid are counted', () => {
    fillWithStrangers();
    expect(admission.request(OFFICE)).toBeUndefined();
  });

  test('handshakes that are still undecided are counted', () => {
    for (let n = 0; n < 5; n += 1) expect(admission.request(OFFICE)).toBeDefined();
    expect(admission.request(OFFICE)).toBeUndefined();
  });

  test('a refusal for the limit is not counted, so a client that retries gets in', () => {
    fillWithStrangers();
    for (nowMs = 1000; nowMs < 60_000; nowMs += 1000) expect(admission.request(OFFICE)).toBeUndefined();
    nowMs = 60_000;
    expect(visit('a')).toBeDefined();
  });

  test('a known token reconnects as often as it likes', () => {
    for (let n = 0; n < 100; n += 1) {
      const ticket = visit('a');
      expect(ticket).toBeDefined();
      ticket?.end();
    }
  });

  test('further tabs of one salon behind one address are known by the salon, whatever their tokens', () => {
    for (let n = 0; n < 20; n += 1) {
      const ticket = admission.request(OFFICE);
      expect(ticket?.accept({ tokenKey: `token ${n}`, companyId: 'company_962302' })).toBe(true);
    }
  });

  test('the same salon from another address is a stranger there', () => {
    for (let n = 0; n < 5; n += 1) visit('a', `198.51.100.${n}`);
    for (let n = 0; n < 5; n += 1) {
      admission.request(OFFICE)?.accept({ tokenKey: `t${n}`, companyId: `company_${n}` });
    }
    expect(admission.request(OFFICE)).toBeUndefined();
  });

  test('a whole office that lost its connections comes back although its limit is used up', () => {
    const office = ['a', 'b', 'c', 'd', 'e'].map((name) => visit(name));
    nowMs = 60_000;
    for (const name of ['f', 'g', 'h', 'i', 'j']) office.push(visit(name));
    for (const ticket of office) ticket?.end();
    for (const name of 'jihgfedcba') expect(visit(name)).toBeDefined();
  });

  test('a known client behind a hostile neighbour still gets in, and the neighbour does not', () => {
    visit('known')?.end();
    fillWithStrangers();
    const stranger = admission.request(OFFICE);
    expect(stranger).toBeDefined();
    expect(admission.request(OFFICE)).toBeUndefined();
    expect(stranger?.accept({ tokenKey: 'stranger', companyId: 'company_1' })).toBe(false);
    stranger?.end();
    expect(visit('known')).toBeDefined();
    expect(admission.request(OFFICE)).toBeUndefined();
  });

  test('a token that comes with the first request is recognised before anything is counted', () => {
    visit('known');
    fillWithStrangers();
    expect(admission.request(OFFICE, 'known')).toBeDefined();
    expect(admission.request(OFFICE, 'stranger')).toBeUndefined();
  });

  test('after an hour a token is a stranger again', () => {
    visit('a')?.end();
    nowMs = 3_600_000;
    fillWithStrangers();
    expect(admission.request(OFFICE, 'a')).toBeUndefined();
    expect(admission.request(OFFICE)).toBeUndefined();
  });

  test('ending twice counts once', () => {
    const ticket = visit('known');
    ticket?.end();
    ticket?.end();
    fillWithStrangers();
    expect(admission.request(OFFICE)).toBeDefined();
    expect(admission.request(OFFICE)).toBeUndefined();
  });

  test('what is remembered is bounded: the longest unused address is forgotten first', () => {
    admission = new Admission({ perMinute: 1, now: () => nowMs, maxRemembered: 2 });
    for (const address of ['a', 'b', 'a', 'c']) admission.request(address);
    expect(admission.request('a')).toBeUndefined();
    expect(admission.request('b')).toBeDefined();
  });
});
