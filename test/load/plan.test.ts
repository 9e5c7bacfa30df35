import { describe, expect, test } from 'vitest';
import { reservedRangeOf } from '../../shared/contract/company-id.ts';
import { LoadPlan, loadCompany, type PlanOptions } from './plan.ts';

const OPTIONS: PlanOptions = {
  profile: 'constant',
  rate: 100,
  durationMs: 10_000,
  warmupMs: 1000,
  companies: 50,
  sockets: 100,
  seed: 7,
  traceRatio: 0.1,
};

function companiesOf(plan: LoadPlan): number[] {
  return Array.from({ length: plan.schedule.count }, (_, event) => plan.companyOf(event));
}

describe('a plan', () => {
  test('is the same for the same seed and another one for another', () => {
    const companies = companiesOf(new LoadPlan(OPTIONS));
    expect(companiesOf(new LoadPlan({ ...OPTIONS }))).toEqual(companies);
    expect(companiesOf(new LoadPlan({ ...OPTIONS, seed: 8 }))).not.toEqual(companies);
  });

  test('reaches every company about equally often', () => {
    const counts = new Map<number, number>();
    const plan = new LoadPlan({ ...OPTIONS, rate: 1000 });
    for (const company of companiesOf(plan)) counts.set(company, (counts.get(company) ?? 0) + 1);
    expect(counts.size).toBe(50);
    expect(Math.max(...counts.values())).toBeLessThan(2 * Math.min(...counts.values()));
  });

  test('runs its first rate before the measured part', () => {
    const { schedule } = new LoadPlan({ ...OPTIONS, profile: 'step' });
    expect(schedule.rateAt(0)).toBe(100);
    expect(schedule.rateAt(1000)).toBe(100);
    expect(schedule.durationMs).toBe(11_000);
  });

  test('uses companies of the range that is reserved for load alone', () => {
    expect([0, 999_999].map((index) => reservedRangeOf(loadCompany(index)))).toEqual(['load', 'load']);
  });

  test('seats one browser in twenty with companies that get no events', () => {
    const seats = new LoadPlan(OPTIONS).companiesOfSockets();
    expect(seats).toHaveLength(100);
    expect(seats.filter((company) => company >= 50)).toEqual([50, 51, 52, 53, 54]);
  });

  test('seats one such browser even among two', () => {
    const seats = new LoadPlan({ ...OPTIONS, sockets: 2 }).companiesOfSockets();
    expect(seats).toEqual([0, 50]);
  });

  test('spreads fewer browsers than companies over all of them, one each', () => {
    const seats = new LoadPlan({ ...OPTIONS, companies: 1000, sockets: 11 }).companiesOfSockets().slice(0, 10);
    expect(seats).toEqual([0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
  });

  test('samples about the share of traces that is asked for', () => {
    const plan = new LoadPlan({ ...OPTIONS, rate: 1000 });
    const sampled = Array.from({ length: plan.schedule.count }, (_, event) => plan.isSampled(event)).filter(Boolean);
    expect(sampled.length / plan.schedule.count).toBeCloseTo(0.1, 1);
    const none = new LoadPlan({ ...OPTIONS, traceRatio: 0 });
    expect(Array.from({ length: 1000 }, (_, event) => none.isSampled(event))).not.toContain(true);
  });
});
