import type { SelectionView } from '../scenario-desk.ts';
import { byId, make, makeRow, RowList, setText } from './dom.ts';
import { describeScope, describeSelection } from './phone-words.ts';
import type { ScenarioRow, ScenarioSelection } from './simulator-api.ts';

export interface ScenarioActions {
  readonly select: (selection: ScenarioSelection) => void;
  readonly clear: () => void;
}

type Whose = 'phone' | 'company' | 'default';

/** Chooses how the simulated WhatsApp misbehaves, and for whom. */
export class ScenarioPanel {
  readonly #actions: ScenarioActions;
  readonly #name = byId('scenario', HTMLSelectElement);
  readonly #whose = byId('scenario-for', HTMLSelectElement);
  readonly #company = byId('scenario-company', HTMLInputElement);
  readonly #times = byId('scenario-times', HTMLInputElement);
  readonly #knobs = byId('scenario-knobs', HTMLElement);
  readonly #selections: RowList<SelectionView>;
  #rows: readonly ScenarioRow[] = [];
  #phoneId = '';

  constructor(actions: ScenarioActions) {
    this.#actions = actions;
    this.#selections = new RowList(byId('selections', HTMLElement), (selection) => {
      const end = make('button', 'button button-quiet', 'End');
      end.type = 'button';
      end.addEventListener('click', () => actions.select({ ...selection.scope, name: 'normal' }));
      return makeRow(end);
    });
    this.#name.addEventListener('change', () => this.#drawKnobs());
    this.#whose.addEventListener('change', () => this.#drawWhose());
    byId('scenario-form', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      this.#actions.select(this.#selection());
    });
    byId('scenario-clear', HTMLButtonElement).addEventListener('click', () => actions.clear());
    this.#drawWhose();
  }

  /** The companies are offered while one is typed. */
  show(rows: readonly ScenarioRow[], selections: readonly SelectionView[], phoneId: string): void {
    this.#phoneId = phoneId;
    if (rows.length !== this.#rows.length) {
      this.#rows = rows;
      this.#name.replaceChildren(...rows.map(({ name }) => new Option(name, name)));
      this.#drawKnobs();
    }
    byId('scenario-clear', HTMLElement).hidden = selections.length === 0;
    this.#selections.show(
      selections,
      ({ scope }) => JSON.stringify(scope),
      (row, selection) => {
        setText(row.title, describeSelection(selection));
        setText(row.detail, describeScope(selection));
      },
    );
  }

  #selection(): ScenarioSelection {
    const scope = { phone: { phone: this.#phoneId }, company: { company: this.#company.value.trim() } };
    const whose = this.#whose.value as Whose;
    const inputs = this.#knobs.querySelectorAll<HTMLInputElement | HTMLSelectElement>('[name]');
    const params = Object.fromEntries([...inputs].map((input) => [input.name, input.value]));
    return {
      ...(whose === 'default' ? { default: true } : scope[whose]),
      name: this.#name.value,
      params,
      ...(this.#times.value !== '' && { times: Number(this.#times.value) }),
    };
  }

  #drawWhose(): void {
    byId('scenario-company-label', HTMLElement).hidden = this.#whose.value !== 'company';
  }

  #drawKnobs(): void {
    const row = this.#rows.find(({ name }) => name === this.#name.value);
    setText(byId('scenario-client', HTMLElement), row ? `The client sees: ${row.client.replaceAll('`', '')}.` : '');
    const fields = Object.entries(row?.knobs ?? {}).map(([name, knob]) => {
      const control = 'choices' in knob ? makeChoice(knob.choices) : makeNumber(knob);
      control.name = name;
      control.value = String(knob.fallback);
      return make('label', '', `${name}: ${knob.what}`, control);
    });
    this.#knobs.replaceChildren(...fields);
  }
}

function makeChoice(choices: readonly string[]): HTMLSelectElement {
  const select = make('select', '');
  select.append(...choices.map((choice) => new Option(choice, choice)));
  return select;
}

function makeNumber({ min, max }: { readonly min: number; readonly max: number }): HTMLInputElement {
  const input = make('input', '');
  input.type = 'number';
  input.min = String(min);
  input.max = String(max);
  return input;
}
