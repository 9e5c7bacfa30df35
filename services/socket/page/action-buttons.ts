import { element, setHidden, setText } from './dom.ts';
import type { Action, View } from './onboarding-view.ts';

/** The ways on from a state: one prominent, up to two beside it. */
export class ActionButtons {
  readonly #labels: Readonly<Record<Action, string>>;
  readonly #buttons = [element('action'), element('alternative-1'), element('alternative-2')];
  readonly #shown: (Action | undefined)[] = [];

  constructor(labels: Readonly<Record<Action, string>>, onAction: (action: Action) => void) {
    this.#labels = labels;
    this.#buttons.forEach((button, index) => {
      button.addEventListener('click', () => {
        const action = this.#shown[index];
        if (action !== undefined) onAction(action);
      });
    });
  }

  /** True when the button that had the focus is gone: then it belongs elsewhere, not to the top of the page. */
  show({ action, alternatives }: View): boolean {
    const wanted = [action, alternatives[0], alternatives[1]];
    let hasLostFocus = false;
    this.#buttons.forEach((button, index) => {
      const next = wanted[index];
      if (next !== this.#shown[index] && document.activeElement === button) hasLostFocus = true;
      this.#shown[index] = next;
      setHidden(button, next === undefined);
      if (next !== undefined) setText(button, this.#labels[next]);
    });
    return hasLostFocus;
  }
}
