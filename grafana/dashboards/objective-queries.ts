import { errorBudget, errorRatio, type ObjectiveName, type RatioWindow } from '../../shared/contract/objectives.ts';

/** How many times faster than allowed errors happened within the window. */
export function burnRate(window: RatioWindow, slo: ObjectiveName | RegExp): string {
  return `${errorRatio(window, slo)} / on (slo) ${errorBudget(slo)}`;
}

/** Share of the 30 days' errors that may still happen. */
export function budgetLeft(slo: ObjectiveName | RegExp): string {
  return `1 - ${burnRate('30d', slo)}`;
}
