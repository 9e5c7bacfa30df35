import { element, elementOf, setAttribute, setHidden, setLine, setText } from './dom.ts';
import type { View } from './onboarding-view.ts';
import { formatPhone } from './phone-number.ts';
import type { Texts } from './texts.ts';

/** Where the phone number is typed. What stands in it outlives everything but a reload. */
export class PhoneForm {
  readonly #texts: Texts;
  readonly #form = elementOf('phone-form', HTMLFormElement);
  readonly #input = elementOf('phone-input', HTMLInputElement);
  readonly #error = element('phone-error');
  readonly #submit = elementOf('phone-submit', HTMLButtonElement);

  constructor(texts: Texts, onSubmit: (typed: string) => void) {
    this.#texts = texts;
    setText(element('phone-label'), texts.phoneLabel);
    setText(element('phone-hint'), texts.phoneHint);
    setText(this.#submit, texts.phoneSubmit);
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      if (!this.#submit.disabled) onSubmit(this.#input.value);
    });
  }

  /** True when the form had the focus and is gone: then it belongs elsewhere, not to the top of the page. */
  show({ form }: View): boolean {
    const wasHidden = this.#form.hasAttribute('hidden');
    const hasLostFocus = form === undefined && this.#form.contains(document.activeElement);
    setHidden(this.#form, form === undefined);
    if (wasHidden && this.#input.value === '' && form?.phone !== undefined) this.#input.value = formatPhone(form.phone);
    const error = form?.error === undefined ? '' : this.#wordsFor(form.error);
    const isNew = this.#error.textContent !== error && error !== '';
    setLine(this.#error, error);
    const isNumberAtFault = form?.error === 'PHONE_REQUIRED' || form?.error === 'INVALID_PHONE_FORMAT';
    setAttribute(this.#input, 'aria-invalid', String(isNumberAtFault));
    this.#submit.disabled = form?.isBlocked ?? false;
    if (form !== undefined && (wasHidden || isNew)) this.#input.focus();
    return hasLostFocus;
  }

  #wordsFor(code: string): string {
    const { codeErrors, otherCodeError } = this.#texts;
    return Object.hasOwn(codeErrors, code) ? (codeErrors[code] ?? otherCodeError) : otherCodeError;
  }
}
