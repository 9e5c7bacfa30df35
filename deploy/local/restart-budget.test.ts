import { expect, test } from 'vitest';
import { MAX_RESTARTS, RESTART_WINDOW_MS, RestartBudget } from './restart-budget.ts';

test('a process may come back a bounded number of times within the window', () => {
  const budget = new RestartBudget();
  const answers = Array.from({ length: MAX_RESTARTS + 1 }, (_, second) => budget.take(second * 1000));
  expect(answers).toEqual([...Array.from({ length: MAX_RESTARTS }, () => true), false]);
});

test('restarts that have left the window are forgotten, one by one', () => {
  const budget = new RestartBudget();
  for (let restart = 0; restart < MAX_RESTARTS; restart += 1) budget.take(restart * 1000);
  expect(budget.take(RESTART_WINDOW_MS - 1)).toBe(false);
  expect(budget.take(RESTART_WINDOW_MS)).toBe(true);
  expect(budget.take(RESTART_WINDOW_MS)).toBe(false);
});
