import { setTimeout as sleep } from 'node:timers/promises';
import type { ProcessFailedError } from './local-process.ts';
import { MAX_RESTARTS, RestartBudget } from './restart-budget.ts';

const RESTART_DELAY_MS = 1000;

export interface RevivalOptions<Name extends string> {
  /** Starts a process again; rejects with ProcessFailedError when it does not become ready. */
  readonly start: (name: Name) => Promise<void>;
  /** Called when a process died too often. */
  readonly fail: (failure: ProcessFailedError) => void;
  readonly say: (line: string) => void;
  /** Ends all attempts. */
  readonly signal: AbortSignal;
}

/** Brings processes back that died by themselves: after a second, each a bounded number of times a minute. */
export class Revival<Name extends string> {
  readonly #options: RevivalOptions<Name>;
  readonly #budgets = new Map<Name, RestartBudget>();

  constructor(options: RevivalOptions<Name>) {
    this.#options = options;
  }

  /** Resolves when the process is ready again, was given up, or nobody wants it any more. Never rejects. */
  async revive(name: Name, failure: ProcessFailedError): Promise<void> {
    const { start, fail, say, signal } = this.#options;
    if (signal.aborted) return;
    if (!this.#budgetOf(name).take(performance.now())) {
      say(`${name} keeps ending (${MAX_RESTARTS} restarts within a minute): everything is stopped`);
      fail(failure);
      return;
    }
    say(`${failure.message}; it comes back in ${RESTART_DELAY_MS / 1000} s`);
    try {
      await sleep(RESTART_DELAY_MS, undefined, { signal });
      await start(name);
      say(`${name.padEnd(10)}  ready again`);
    } catch (error) {
      await this.revive(name, error as ProcessFailedError);
    }
  }

  #budgetOf(name: Name): RestartBudget {
    const existing = this.#budgets.get(name);
    if (existing) return existing;
    const budget = new RestartBudget();
    this.#budgets.set(name, budget);
    return budget;
  }
}
