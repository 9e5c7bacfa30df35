import { ScenarioError } from './scenario-error.ts';
import { SCENARIOS, type Knob, type Params, type Scenario } from './scenarios.ts';

/** @throws ScenarioError SCENARIO_UNKNOWN, with the names that exist */
export function findScenario(name: string): Scenario {
  const scenario: Scenario | undefined = SCENARIOS.find((row) => row.name === name);
  if (scenario) return scenario;
  const names = SCENARIOS.map((row) => row.name).join(', ');
  throw new ScenarioError('SCENARIO_UNKNOWN', `there is no such scenario; there are normal, ${names}`);
}

/**
 * Every knob's value: what was given, as a number or its text, else the default.
 * @throws ScenarioError SCENARIO_PARAM_INVALID for a knob that does not exist or a value out of its range
 */
export function toParams({ name, knobs }: Scenario, given: Readonly<Record<string, unknown>>): Params {
  const unknown = Object.keys(given).find((key) => !Object.hasOwn(knobs, key));
  if (unknown !== undefined) throw invalid(`${name} has no parameter ${unknown}`);
  return Object.fromEntries(Object.entries(knobs).map(([key, knob]) => [key, toValue(key, knob, given[key])]));
}

function toValue(key: string, knob: Knob, given: unknown): number | string {
  if (given === undefined) return knob.fallback;
  if ('choices' in knob) {
    if (typeof given === 'string' && knob.choices.includes(given)) return given;
    throw invalid(`${key} must be one of ${knob.choices.join(', ')}`);
  }
  const value = typeof given === 'string' && /^[0-9]{1,10}$/.test(given) ? Number(given) : given;
  if (typeof value === 'number' && Number.isInteger(value) && value >= knob.min && value <= knob.max) return value;
  throw invalid(`${key} must be a whole number from ${knob.min} to ${knob.max}`);
}

function invalid(message: string): ScenarioError {
  return new ScenarioError('SCENARIO_PARAM_INVALID', message);
}
