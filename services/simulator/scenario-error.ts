/** A scenario cannot be selected; the stable codes of the control API. */
export type ScenarioErrorCode =
  | 'SCENARIO_UNKNOWN'
  | 'SCENARIO_PARAM_INVALID'
  | 'SCENARIO_SCOPE_INVALID'
  | 'SCENARIO_COMPANY_AMBIGUOUS';

export class ScenarioError extends Error {
  readonly code: ScenarioErrorCode;

  constructor(code: ScenarioErrorCode, message: string) {
    super(message);
    this.name = 'ScenarioError';
    this.code = code;
  }

  shouldRetry(): boolean {
    return false;
  }
}
