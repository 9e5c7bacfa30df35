import { NORMAL, concerns, type Behaviour, type Purpose } from './behaviour.ts';
import { ScenarioError } from './scenario-error.ts';
import { findScenario, toParams } from './scenario-params.ts';
import type { Params } from './scenarios.ts';

/** Whom a selection is for: exactly one field. */
export type Scope = { readonly company: string } | { readonly phone: string } | { readonly default: true };

export interface SelectionRequest {
  readonly scope: Scope;
  /** `normal` ends the selection of that scope. */
  readonly name: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** How many of the connections that it makes a difference to it serves; without it, until it is ended. */
  readonly times?: number | undefined;
}

export interface SelectionView {
  readonly scope: Scope;
  readonly name: string;
  readonly params: Params;
  /** Connections that it still serves. */
  readonly left?: number;
}

/** What is known of a connection. */
export interface ConnectionFacts {
  readonly purpose?: Purpose;
  /** The key of its handshake. */
  readonly noiseKey?: Buffer;
  /** The phone that it belongs to, or that is about to be linked to it. */
  readonly phone?: string;
}

/** Tells whose a connection is. */
export interface Companies {
  companiesOf(facts: ConnectionFacts): readonly string[];
  /** Companies that the connections of this one cannot be told from. */
  rivalsOf(companyId: string): readonly string[];
}

interface Selection {
  readonly view: SelectionView;
  readonly behaviour: Behaviour;
  left: number;
  ended: boolean;
}

const MAX_SELECTIONS = 1_000;

/** Which scenario holds for whom, and the courses of the connections that exist. */
export class ScenarioDesk {
  readonly #companies: Companies;
  readonly #selections = new Map<string, Selection>();
  readonly #courses = new Set<Course>();

  constructor(companies: Companies) {
    this.#companies = companies;
  }

  list(): SelectionView[] {
    return [...this.#selections.values()].map(({ view, left }) => ({
      ...view,
      ...(Number.isFinite(left) && { left }),
    }));
  }

  /**
   * Replaces what was selected for that scope, for connections that exist, too.
   * @throws ScenarioError SCENARIO_UNKNOWN, SCENARIO_PARAM_INVALID, SCENARIO_SCOPE_INVALID, SCENARIO_COMPANY_AMBIGUOUS
   */
  select({ scope, name, params, times }: SelectionRequest): void {
    const key = keyOf(scope);
    const selection = name === 'normal' ? undefined : toSelection({ scope, name, params, times });
    if (selection && !('default' in scope)) requireIdentity(name, selection.behaviour);
    if (selection && 'company' in scope) this.#requireDistinct(scope.company);
    if (selection && !this.#selections.has(key) && this.#selections.size >= MAX_SELECTIONS) {
      throw new ScenarioError('SCENARIO_SCOPE_INVALID', `no more than ${MAX_SELECTIONS} selections`);
    }
    this.#end(key);
    if (selection) this.#selections.set(key, selection);
    this.reconsider();
  }

  /** Everything is normal again. */
  clear(): void {
    for (const key of this.#selections.keys()) this.#end(key);
    this.reconsider();
  }

  /**
   * The course of a new connection; `query` is that of its URL.
   * @throws ScenarioError SCENARIO_UNKNOWN, SCENARIO_PARAM_INVALID
   */
  open(query: URLSearchParams): Course {
    const { scenario: name, ...params } = Object.fromEntries(query);
    const own = name === undefined ? undefined : toBehaviour(name, params).behaviour;
    const course = new Course(own, {
      choose: (facts, current) => this.#choose(facts, current),
      forget: () => this.#courses.delete(course),
    });
    this.#courses.add(course);
    course.reconsider();
    return course;
  }

  /** Something was learned of the companies; with nothing selected for any, it makes no difference. */
  learn(): void {
    if (this.#hasCompanies()) this.reconsider();
  }

  /** Each connection gets what holds for it now. */
  reconsider(): void {
    for (const course of this.#courses) course.reconsider();
  }

  #choose(facts: ConnectionFacts, current: Selection | undefined): Selection | undefined {
    const companies = this.#hasCompanies() ? this.#companies.companiesOf(facts) : [];
    const keys = companies.map((company) => keyOf({ company }));
    if (facts.phone !== undefined) keys.push(keyOf({ phone: facts.phone }));
    keys.push(keyOf({ default: true }));
    return keys
      .map((key) => this.#selections.get(key))
      .find((found) => found && (found === current || (found.left > 0 && concerns(found.behaviour, facts.purpose))));
  }

  #requireDistinct(company: string): void {
    const rivals = this.#companies.rivalsOf(company);
    if (rivals.length === 0) return;
    throw new ScenarioError(
      'SCENARIO_COMPANY_AMBIGUOUS',
      `${company} shares its phone with ${rivals.slice(0, 3).join(', ')}, and whose connection is whose cannot be told; select it for the phone, or link ${company} again by QR`,
    );
  }

  #hasCompanies(): boolean {
    return [...this.#selections.values()].some(({ view }) => 'company' in view.scope);
  }

  #end(key: string): void {
    const selection = this.#selections.get(key);
    if (selection) selection.ended = true;
    this.#selections.delete(key);
  }
}

interface CourseHost {
  choose(facts: ConnectionFacts, current: Selection | undefined): Selection | undefined;
  forget(): void;
}

/** How the server treats one connection, from its first byte to its last. */
export class Course implements Disposable {
  readonly #own: Behaviour | undefined;
  readonly #host: CourseHost;
  #facts: ConnectionFacts = {};
  #selection: Selection | undefined;
  #onChange: (() => void) | undefined;

  constructor(own: Behaviour | undefined, host: CourseHost) {
    this.#own = own;
    this.#host = host;
  }

  get behaviour(): Behaviour {
    return this.#own ?? this.#selection?.behaviour ?? NORMAL;
  }

  /** More is known of the connection. */
  identify(facts: ConnectionFacts): void {
    this.#facts = { ...this.#facts, ...facts };
    this.reconsider();
  }

  /** The one listener of changes; called at once, too. */
  watch(onChange: () => void): void {
    this.#onChange = onChange;
    onChange();
  }

  /** A selection that has served its connections keeps those until it is ended or another one holds for them. */
  reconsider(): void {
    if (this.#own) return;
    const found = this.#host.choose(this.#facts, this.#selection);
    const next = found ?? (this.#selection?.ended ? undefined : this.#selection);
    if (next === this.#selection) return;
    this.#selection = next;
    if (next) next.left -= 1;
    this.#onChange?.();
  }

  [Symbol.dispose](): void {
    this.#onChange = undefined;
    this.#host.forget();
  }
}

function toSelection({ scope, name, params, times }: SelectionRequest): Selection {
  const { params: complete, behaviour } = toBehaviour(name, params);
  return { view: { scope, name, params: complete }, behaviour, left: times ?? Number.POSITIVE_INFINITY, ended: false };
}

function toBehaviour(name: string, given: SelectionRequest['params']): { params: Params; behaviour: Behaviour } {
  if (name === 'normal') return { params: {}, behaviour: NORMAL };
  const scenario = findScenario(name);
  const params = toParams(scenario, given);
  return { params, behaviour: scenario.behaviour(params) };
}

/** Before the handshake nobody can be told from anybody. */
function requireIdentity(name: string, { refuse, silentFrom }: Behaviour): void {
  if (refuse === undefined && silentFrom !== 'connect') return;
  throw new ScenarioError('SCENARIO_SCOPE_INVALID', `${name} begins before the handshake: select it for everybody`);
}

function keyOf(scope: Scope): string {
  if ('company' in scope) return `company ${scope.company}`;
  return 'phone' in scope ? `phone ${scope.phone}` : 'default';
}
