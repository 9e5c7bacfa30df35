import { ActionButtons } from './action-buttons.ts';
import { CodePanel } from './code-panel.ts';
import { element, setAttribute, setHidden, setLine, setText } from './dom.ts';
import type { Action, View } from './onboarding-view.ts';
import { PhoneForm } from './phone-form.ts';
import { formatPhone, spellOut } from './phone-number.ts';
import { toQrPath } from './qr-path.ts';
import { STATE_LOOKS } from './state-look.ts';
import type { Texts } from './texts.ts';

export interface PageViewOptions {
  readonly texts: Texts;
  readonly onAction: (action: Action) => void;
  /** With the phone number as it was typed. */
  readonly onPhoneNumber: (typed: string) => void;
}

/** Writes views into the document; touches only what differs from the last one. */
export class PageView {
  readonly #texts: Texts;
  readonly #page = element('page');
  readonly #tile = element('tile');
  readonly #qr = element('qr');
  readonly #buttons: ActionButtons;
  readonly #form: PhoneForm;
  readonly #code: CodePanel;
  #drawnQr: string | undefined;
  #announced = '';

  constructor({ texts, onAction, onPhoneNumber }: PageViewOptions) {
    this.#texts = texts;
    this.#buttons = new ActionButtons(texts.actions, onAction);
    this.#form = new PhoneForm(texts, onPhoneNumber);
    this.#code = new CodePanel(texts, (sentence) => setText(element('announcement'), sentence));
    setText(element('heading'), texts.heading);
    setText(element('qr-label'), texts.qrLabel);
    setText(element('same-phone'), texts.samePhone);
  }

  show(view: View): void {
    const { title, text } = this.#texts.states[view.name];
    const { tone, icon, steps: ownSteps } = STATE_LOOKS[view.name];
    // Something went wrong: what to do about it takes the place of the steps.
    const steps = view.note === undefined ? ownSteps : 'none';
    this.#showQr(view);
    this.#code.show(view);
    this.#showCountdown(view);
    this.#showSteps(steps);
    setAttribute(this.#tile, 'data-icon', icon);
    setAttribute(this.#page, 'data-tone', tone);
    setText(element('title'), title);
    setLine(element('text'), text);
    setLine(element('phone'), view.phone === undefined ? '' : formatPhone(view.phone));
    setLine(element('retry'), this.#retryText(view));
    setLine(element('note'), view.note === undefined ? '' : this.#texts.notes[view.note]);
    setLine(element('reason'), view.reason === undefined ? '' : this.#texts.reason(view.reason));
    setHidden(element('same-phone'), steps !== 'qr' || !view.alternatives.includes('enter-phone'));
    const hasLostFocus = this.#buttons.show(view);
    if (this.#form.show(view) || (hasLostFocus && view.form === undefined)) element('title').focus();
    this.#announce(view, title, text);
    document.title = `${title} · WhatsApp`;
    // Last, so that whoever waits for a state finds all of it drawn.
    setAttribute(this.#page, 'data-state', view.name);
  }

  #showSteps(steps: 'qr' | 'code' | 'none'): void {
    setAttribute(this.#page, 'data-steps', steps);
    setHidden(element('steps'), steps === 'none');
    if (steps === 'none') return;
    const words = steps === 'qr' ? this.#texts.steps : this.#texts.codeSteps;
    [...element('steps').children].forEach((step, index) => setText(step, words[index] ?? ''));
  }

  #showQr({ qr }: View): void {
    setHidden(this.#qr, qr === undefined);
    if (qr?.text === this.#drawnQr) return;
    this.#drawnQr = qr?.text;
    const symbol = qr && toQrPath(qr.text);
    setAttribute(this.#qr, 'viewBox', symbol === undefined ? '0 0 1 1' : `0 0 ${symbol.size} ${symbol.size}`);
    this.#qr.querySelector('path')?.setAttribute('d', symbol?.path ?? '');
  }

  #showCountdown({ name, qr, code }: View): void {
    const countdown = qr ?? code;
    const bar = element('countdown-bar');
    setAttribute(bar, 'max', String(countdown?.secondsTotal ?? 1));
    setAttribute(bar, 'value', String(countdown?.secondsLeft ?? 0));
    setAttribute(element('countdown'), 'data-shown', String(countdown !== undefined));
    const { qrCountdown, codeCountdown, qrAwaited } = this.#texts;
    const awaited = name === 'qr-refreshing' ? qrAwaited : '';
    const text = qr === undefined ? code && codeCountdown(code.secondsLeft) : qrCountdown(qr.secondsLeft);
    setLine(element('countdown-text'), text ?? awaited);
  }

  #retryText({ name, retryInSeconds, action }: View): string {
    if (name !== 'disconnected') return '';
    if (action !== undefined) return this.#texts.retryEnded;
    return retryInSeconds === undefined || retryInSeconds === 0
      ? this.#texts.retryNow
      : this.#texts.retryIn(retryInSeconds);
  }

  /** Said once per state: a countdown or the next QR of a series is no news. */
  #announce(view: View, title: string, text: string): void {
    const { notes, codeLabel } = this.#texts;
    const note = view.note === undefined ? '' : notes[view.note];
    const phone = view.phone === undefined ? '' : formatPhone(view.phone);
    const code = view.code === undefined ? '' : codeLabel(spellOut(view.code.text));
    const said = [title, code, phone, text, note]
      .filter((part) => part !== '')
      .map((part) => part.replace(/[.:]$/, ''));
    const sentence = `${said.join('. ')}.`;
    if (sentence === this.#announced) return;
    this.#announced = sentence;
    setText(element('announcement'), sentence);
  }
}
