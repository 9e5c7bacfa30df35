import { LegacyRowsError, type LegacyFinding } from './errors.ts';
import { LEGACY_PROBLEMS, type LegacyProblem } from './legacy-values.ts';

const MAX_EXAMPLES = 5;
const MAX_EXAMPLE_LENGTH = 40;

/** Everything that keeps legacy rows from being imported, counted, with a few company ids to look for. */
export class LegacyFindings {
  readonly #found = new Map<LegacyProblem, { rows: number; readonly examples: Set<string> }>();

  get any(): boolean {
    return this.#found.size > 0;
  }

  add(problem: LegacyProblem, companyId: string | null, rows = 1): void {
    const finding = this.#found.get(problem) ?? { rows: 0, examples: new Set() };
    finding.rows += rows;
    if (finding.examples.size < MAX_EXAMPLES) finding.examples.add((companyId ?? 'NULL').slice(0, MAX_EXAMPLE_LENGTH));
    this.#found.set(problem, finding);
  }

  /** @throws LegacyRowsError */
  throwIfAny(): void {
    if (!this.any) return;
    const findings = [...this.#found].map(([problem, { rows, examples }]): LegacyFinding => ({
      problem,
      what: LEGACY_PROBLEMS[problem],
      rows,
      examples: [...examples],
    }));
    throw new LegacyRowsError(findings);
  }
}
