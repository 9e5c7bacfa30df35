import { describe, expect, test } from 'vitest';
import { parseCompanyId } from '../../../shared/contract/company-id.ts';
import { WriteOrder } from './write-order.ts';

const one = parseCompanyId('1');
const two = parseCompanyId('2');

describe('WriteOrder', () => {
  test('a write starts when the one before it has ended', async () => {
    const order = new WriteOrder();
    const first = Promise.withResolvers<void>();
    const started: string[] = [];
    const running = order.run(one, () => {
      started.push('first');
      return first.promise;
    });
    const waiting = order.run(one, () => {
      started.push('second');
      return Promise.resolve();
    });
    await order.run(two, () => Promise.resolve());
    expect(started).toEqual(['first']);
    first.resolve();
    await Promise.all([running, waiting]);
    expect(started).toEqual(['first', 'second']);
  });

  test('a write that fails rejects to its caller alone', async () => {
    const order = new WriteOrder();
    const failed = order.run(one, () => Promise.reject(new Error('disk full')));
    const next = order.run(one, () => Promise.resolve('written'));
    await expect(failed).rejects.toThrow('disk full');
    await expect(next).resolves.toBe('written');
  });

  test('nothing is remembered of a company without writes', async () => {
    const order = new WriteOrder();
    await Promise.allSettled([
      order.run(one, () => Promise.resolve()),
      order.run(one, () => Promise.reject(new Error('disk full'))),
      order.run(two, () => Promise.resolve()),
    ]);
    await expect.poll(() => order.size).toBe(0);
  });
});
